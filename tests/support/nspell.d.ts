/** The part of nspell that is used; its package has no types. */
declare class Speller {
  constructor(affixes: string, words: string);
  /** Whether a word is spelled as the dictionary has it. */
  correct(word: string): boolean;
}
export default Speller;
