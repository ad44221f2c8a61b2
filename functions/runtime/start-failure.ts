/** Why a server does not start, if the operator can mend it. The message is one line that says what to do. */
export class StartFailure extends Error {
  override readonly name = "StartFailure";

  static is(error: unknown): error is StartFailure {
    return error instanceof StartFailure;
  }
}
