/** The name of a supply in the reader's language. Pure. */
import { supplyColourWords, supplyKindWords } from "./supply_words.ts";

export type SupplyKey = keyof typeof supplyKindWords | keyof typeof supplyColourWords;
/** Of the reader's language: the text of the key, with values in place of their names in braces. */
type Say = (key: SupplyKey, values?: Record<string, string>) => string;
type KindKey = keyof typeof supplyKindWords;
type ColourKey = Exclude<keyof typeof supplyColourWords, "colouredSupply">;

const kinds = new Map(Object.entries(supplyKindWords).map(([key, [english]]) => [english as string, key as KindKey]));
const colours = new Map(
  Object.entries(supplyColourWords).map(([key, [english]]) => [english as string, key as ColourKey]),
);

/** `name` is one of `supplyName`; what is not made of known words, such as a printer's own text, stays as it is. */
export function supplyText(name: string, t: Say): string {
  const whole = kinds.get(name);
  if (whole !== undefined) return t(whole);
  for (let at = name.indexOf(" "); at !== -1; at = name.indexOf(" ", at + 1)) {
    const colour = colours.get(name.slice(0, at)), kind = kinds.get(name.slice(at + 1));
    if (colour !== undefined && kind !== undefined) return t("colouredSupply", { colour: t(colour), supply: t(kind) });
  }
  return name;
}
