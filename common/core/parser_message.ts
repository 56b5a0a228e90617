/**
 * Converts the command line parser's message to our style: its first line, without "error:", with colons for full
 * stops.
 */
export function parserSentence(message: string): string {
  const [first = ""] = message.replace(/^error: /, "").split("\n");
  return first.replace(
    /\. (Expected|It must|Allowed) (.*?)\.?$/,
    (_, word: string, rest: string) => `: ${word.toLowerCase()} ${rest}`,
  );
}

/** The suggested word in "(Did you mean …?)", if there is one. */
export function parserSuggestion(message: string): string | undefined {
  return message.match(/\(Did you mean (.+)\?\)/)?.[1];
}
