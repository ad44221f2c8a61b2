const SHOWN_MAX = 30;

/** The violations found. Each starts with the invariant it breaks; `L` is liveness, `E` an exception that no caller should see. */
export class Violations {
  readonly found: string[] = [];

  add(invariant: string, what: string): void {
    const violation = `${invariant} ${what}`;
    if (this.found.length < SHOWN_MAX && !this.found.includes(violation)) this.found.push(violation);
  }
}
