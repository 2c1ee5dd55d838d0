/**
 * The knowledge that this process listens where clients call it. Of two sidecars in one
 * network namespace only the one that listens may write, so whatever writes asks for it.
 */
export class Listening {
  readonly #made = true;

  /** True for every instance; keeps the type nominal. */
  get holds(): boolean {
    return this.#made;
  }
}
