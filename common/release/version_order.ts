/** Whether a text is a version such as 0.1.0; no part has more than 6 digits. */
export function isVersion(text: unknown): text is string {
  return typeof text === "string" && /^(0|[1-9]\d{0,5})(\.(0|[1-9]\d{0,5})){2}$/.test(text);
}

/** Negative if `a` is older than `b`, 0 if they are the same. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split(".").map(Number));
  const at = left!.findIndex((part, index) => part !== right![index]);
  return at < 0 ? 0 : left![at]! - right![at]!;
}
