/** What the words of one area are: each text in every language, as ICU messages (`{count, plural, one {…} other {…}}`). */
export type Texts = Record<string, readonly [en: string, de: string, it: string]>;
