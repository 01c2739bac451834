// Prints a line for each test, as internal/nodetest reads it.
export default async function* (events) {
  for await (const { type, data } of events) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details?.type === "suite" || data.name.endsWith(".mjs")) continue;
    const cause = data.details?.error?.cause ?? data.details?.error;
    const error = type === "test:fail" ? String(cause?.stack ?? cause ?? "failed") : "";
    const skip = data.skip !== undefined ? String(data.skip || "skipped") : "";
    yield `RESULT ${JSON.stringify({ name: data.name, error, skip })}\n`;
  }
}
