/* What a terminal, an editor or a browser shows as nothing, or turns the text round by. */
const invisible = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2028\u2029]/gu;

/**
 * JSON text with every invisible character of its strings as an escape such as `\u202e`; the parsed value stays the
 * same. Tabs and line ends between the values stay.
 */
export function escapeInvisible(json: string): string {
  return json.replace(invisible, (character) => {
    if (character === "\n" || character === "\t" || character === "\r") return character;
    return [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`).join("");
  });
}

const hidden = /[\p{Cf}\p{Default_Ignorable_Code_Point}]+/gu;
/* Letters of Arabic, Persian and Indic scripts are joined and parted by these two. */
const isJoiner = /^[\u200c\u200d]$/u;

/** The text with `�` for invisible characters, so that two different names do not look the same. */
export function markInvisible(text: string): string {
  return text.replace(hidden, (run) => isJoiner.test(run) ? run : "�");
}
