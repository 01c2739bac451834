import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { tour } from "./tour.mjs";

const shooting = (width, height, suffix, options, wanted = () => true) => ({
  minutes: 10,
  run: async (t) => {
    mkdirSync(t.input.to, { recursive: true });
    await tour(t, { viewport: { width, height }, reducedMotion: "reduce", timezoneId: "Asia/Seoul", ...options }, async (name, page) => {
      if (!wanted(name)) return;
      await page.evaluate(() => document.activeElement?.blur());
      await page.screenshot({ path: join(t.input.to, name + suffix + ".png"), fullPage: name !== "account-question" });
    });
  },
});

export default {
  "a phone": shooting(390, 844, "-390", { colorScheme: "light" }),
  "a desk": shooting(1440, 900, "-1440", { colorScheme: "light" }),
  "a phone, dark": shooting(390, 844, "-390-dark", { colorScheme: "dark" }),
  "a desk, dark": shooting(1440, 900, "-1440-dark", { colorScheme: "dark" }),
  "in Korean": shooting(1440, 900, "-1440-ko", { colorScheme: "light", locale: "ko-KR" }, (n) => ["sign-in", "account"].includes(n)),
};
