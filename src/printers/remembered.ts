/** Number of texts that are cached for one function; the devices of a fleet have the same few hundred. */
const mostTexts = 1024;
/** Longest cached text, so that no device can fill the memory. */
const maxLength = 256;

/**
 * Caches a pure function of a text. Results are shared and must not be changed. The cache is cleared when it is full.
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
