/** What a sentence of the security sheet is, and what proves it. */
export interface Proof {
  /** Path of the test file. */
  file: string;
  /** Name of the test; `*` stands for any text, and then all tests that fit must pass. */
  test: string;
}

/** One text of the product, and another one that makes the sentence false. */
export interface Break {
  en: string;
  de: string;
  file: string;
  /** Stands exactly once in the file. */
  from: string;
  to: string;
  /** The test that fails with it: one of the sentence's own. */
  caughtBy: Proof;
}

export interface Sentence {
  id: string;
  en: string;
  de: string;
  proofs: Proof[];
  /** What is not software, and who must bring it. */
  brings?: { en: string; de: string };
  breaks: Break[];
}
