/** The call of the roller, or of a merge of key files, in which a server dies: just before it is made, or once it was applied. */
export interface Moment {
  readonly call: "put segment" | "register keys" | "commit" | "drop" | "put key file" | "go on merging" | "end merge";
  readonly side: "before" | "after";
  /** Of such calls, how many are made first. */
  readonly passed: number;
}

export const MOMENTS: readonly Omit<Moment, "passed">[] = [
  { call: "put segment", side: "before" },
  { call: "put segment", side: "after" },
  { call: "register keys", side: "before" },
  { call: "register keys", side: "after" },
  { call: "commit", side: "after" },
  { call: "drop", side: "before" },
  { call: "drop", side: "after" },
  { call: "put key file", side: "before" },
  { call: "put key file", side: "after" },
  { call: "go on merging", side: "after" },
  { call: "end merge", side: "before" },
  { call: "end merge", side: "after" },
];
