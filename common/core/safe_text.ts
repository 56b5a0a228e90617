/**
 * Text from a device is untrusted: a model name can contain escape sequences that change a terminal's title or content,
 * bidirectional overrides that reverse a name, and line ends that forge a second row.
 */

/* Whole sequences go first, so that their parameters do not stay behind as text. A sequence without its end is only
 * stripped of its introducer: swallowing the rest would let a device hide what follows. Every class is bounded by the
 * next ESC, so matching is linear in the length. */
const controlString =
  // deno-lint-ignore no-control-regex -- finding control characters is the purpose
  /(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)/g;
// deno-lint-ignore no-control-regex -- see above
const controlSequence = /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]/g;
// deno-lint-ignore no-control-regex -- see above
const shortSequence = /\u001b(?:[\]PX^_[]|[ -/]*[0-~])?/g;

/* Cc: C0 and C1. Cf and Default_Ignorable: bidirectional controls, zero-width characters, tags, fillers. */
const lineBreaks = /[\t\n\v\f\r\u0085\u2028\u2029]+/gu;
const invisible = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
/* More marks on one letter than any script writes would paint over the rows above and below. */
const markPile = /(\p{M}{4})\p{M}+/gu;

/** Default length limit in UTF-16 units. */
const defaultMaxLength = 500;

/**
 * One line of visible text: escape sequences, controls, bidirectional and zero-width characters removed, white space
 * joined to single spaces, lone surrogates replaced, and cut with "…" after `maxLength` UTF-16 units.
 */
export function safeText(text: string, maxLength = defaultMaxLength): string {
  return cutText(visibleText(text, maxLength).replace(/\s+/gu, " ").trim(), maxLength);
}

/** As `safeText`, but keeps white space, for text that is joined from several pieces. */
export function visibleText(text: string, maxLength = defaultMaxLength): string {
  // Allows for characters that are removed, and limits the work for very long texts.
  const most = maxLength * 4;
  const clean = text.slice(0, most).toWellFormed()
    .replace(controlString, "").replace(controlSequence, "").replace(shortSequence, "")
    .replace(lineBreaks, " ").replace(invisible, "").replace(markPile, "$1");
  return cutText(text.length > most ? `${clean}…` : clean, maxLength);
}

function cutText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  return `${text.slice(0, maxLength - 1).replace(/[\ud800-\udbff]$/u, "")}…`;
}
