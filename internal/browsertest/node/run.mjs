// Runs the tests of a scenario in Chromium, one after the other. The scenario is
// a module whose default export maps names to functions; each gets a Stage.
//   node run.mjs < settings, see browsertest.go
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Stage } from "./stage.mjs";

const settings = JSON.parse(readFileSync(0, "utf8"));
const { default: tests } = await import(pathToFileURL(settings.scenario));
const only = process.env.PAWL_BROWSER_ONLY; // a part of a name, while working on one
const shared = {};

for (const [name, test] of Object.entries(tests)) {
  if (only && !name.includes(only)) continue;
  const stage = new Stage(settings, shared);
  let error = "";
  try {
    await within(test.minutes ?? 3, test.run ? test.run(stage) : test(stage));
  } catch (e) {
    error = String(e?.stack ?? e) + stage.said();
  }
  await stage.close();
  process.stdout.write(`RESULT ${JSON.stringify({ name, error, figures: stage.figures })}\n`);
}
await shared.browser?.close();
process.exit(0);

// within bounds a hang; it says nothing of speed.
function within(minutes, promise) {
  return Promise.race([
    promise,
    new Promise((_, fail) => setTimeout(() => fail(new Error(`not done after ${minutes} minutes`)), minutes * 60_000)),
  ]);
}
