/** Texts of one function that are kept; the devices of a fleet answer the same few hundred. */
const mostTexts = 1024;
/** Longer ones are not kept, so that no device can fill the memory. */
const maxLength = 256;

/**
 * A pure function of a text that does not read the same text twice. What it returns is shared, so nobody may change it.
 * When as many texts as it keeps are there, it forgets them all.
 */
export function remembered<Result>(read: (text: string) => Result): (text: string) => Result {
  const results = new Map<string, Result>();
  return (text) => {
    if (text.length > maxLength) return read(text);
    const known = results.get(text);
    if (known !== undefined || results.has(text)) return known as Result;
    const result = read(text);
    if (results.size >= mostTexts) results.clear();
    results.set(text, result);
    return result;
  };
}
