/** The command line parser's message as one sentence of ours: its first line, without "error:", colons for full stops. */
export function parserSentence(message: string): string {
  const [first = ""] = message.replace(/^error: /, "").split("\n");
  return first.replace(
    /\. (Expected|It must|Allowed) (.*?)\.?$/,
    (_, word: string, rest: string) => `: ${word.toLowerCase()} ${rest}`,
  );
}

/** The word of its "(Did you mean …?)", if it has one. */
export function parserSuggestion(message: string): string | undefined {
  return message.match(/\(Did you mean (.+)\?\)/)?.[1];
}
