import { readFileSync } from "node:fs";
import { calm, answers, check } from "./steps.mjs";
import { tour } from "./tour.mjs";

const rules = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };

const looking = (options) => ({
  minutes: 10,
  run: async (t) => {
    const axe = readFileSync(t.input.axe, "utf8");
    let pages = 0;
    await tour(t, { reducedMotion: "reduce", ...options }, async (name, page) => {
      await page.evaluate(axe);
      const { violations, passes } = await page.evaluate((r) => globalThis.axe.run(document, r), rules);
      check(passes.length > 10, "axe has looked at nothing");
      const list = violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target} ${n.failureSummary}`));
      check(list.length === 0, `${name}:\n${list.join("\n")}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
      check(!wide, `${name} is to be scrolled sideways`);
      calm(page, answers(404, 422));
      pages++;
    });
    check(pages >= 14, `only ${pages} pages`);
  },
});

export default {
  "light, wide": looking({ colorScheme: "light", viewport: { width: 1440, height: 900 } }),
  "dark, wide": looking({ colorScheme: "dark", viewport: { width: 1440, height: 900 } }),
  "light, a phone": looking({ colorScheme: "light", viewport: { width: 390, height: 844 } }),
  "dark, the smallest, in Korean": looking({ colorScheme: "dark", viewport: { width: 320, height: 640 }, locale: "ko-KR" }),
};
