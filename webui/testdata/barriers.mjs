import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { answers, calm, check } from "./steps.mjs";
import { tour } from "./tour.mjs";

const rules = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };

/** Looks at every page, and, where pictures are wanted, takes one. */
const looking = (scheme, width, height, options = {}) => ({
  minutes: 10,
  run: async (t) => {
    const axe = readFileSync(t.input.axe, "utf8");
    if (t.input.to) mkdirSync(t.input.to, { recursive: true });
    let pages = 0;
    const look = { colorScheme: scheme, viewport: { width, height }, reducedMotion: "reduce", timezoneId: "Asia/Seoul", ...options };
    await tour(t, look, async (name, page) => {
      await page.evaluate(axe);
      const { violations, passes } = await page.evaluate((r) => globalThis.axe.run(document, r), rules);
      check(passes.length > 10, "axe has looked at nothing");
      const list = violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target} ${n.failureSummary}`));
      check(list.length === 0, `${name}:\n${list.join("\n")}`);
      const sideways = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
      check(!sideways, `${name} is to be scrolled sideways`);
      calm(page, answers(404, 422));
      if (t.input.to) await picture(page, join(t.input.to, [name, width, scheme === "dark" && "dark", options.locale && "ko"].filter(Boolean).join("-") + ".png"));
      pages++;
    });
    check(pages >= 14, `only ${pages} pages`);
  },
});

async function picture(page, path) {
  await page.evaluate(() => document.activeElement?.blur());
  await page.screenshot({ path, fullPage: !path.includes("question") });
}

const few = { "light, wide": looking("light", 1440, 900), "dark, a phone": looking("dark", 390, 844) };
const more = {
  "light, a phone": looking("light", 390, 844),
  "dark, wide": looking("dark", 1440, 900),
  "light, the smallest, in Korean": looking("light", 320, 640, { locale: "ko-KR" }),
};
export default process.env.CI === "true" || process.env.PAWL_SCREENSHOTS ? { ...few, ...more } : few;
