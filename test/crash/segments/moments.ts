/** The call of the roller in which a server dies: just before it is made, or once it was applied. */
export interface Moment {
  readonly call: "put segment" | "commit" | "drop";
  readonly side: "before" | "after";
  /** Of such calls, how many are made first. */
  readonly passed: number;
}

export const MOMENTS: readonly Omit<Moment, "passed">[] = [
  { call: "put segment", side: "before" },
  { call: "put segment", side: "after" },
  { call: "commit", side: "after" },
  { call: "drop", side: "before" },
  { call: "drop", side: "after" },
];
