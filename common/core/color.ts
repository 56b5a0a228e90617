/** Whether text is coloured. */

export const colorChoices = ["auto", "always", "never"] as const;
export type ColorChoice = (typeof colorChoices)[number];

/**
 * `auto`: by NO_COLOR (no-color.org), then CLICOLOR_FORCE (bixense.com/clicolors), then whether the terminal has
 * colours.
 */
export function hasColor(
  { choice = "auto", isTerminal, env }: {
    choice?: ColorChoice | undefined;
    isTerminal: boolean;
    env: (name: string) => string | undefined;
  },
): boolean {
  if (choice !== "auto") return choice === "always";
  if (env("NO_COLOR")) return false;
  const forced = env("CLICOLOR_FORCE");
  if (forced && forced !== "0") return true;
  return isTerminal && env("TERM") !== "dumb";
}
