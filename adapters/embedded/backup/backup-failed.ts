/** Why there is no backup. The message is a sentence for the operator. */
export class BackupFailed extends Error {
  override readonly name = "BackupFailed";

  static is(error: unknown): error is BackupFailed {
    return error instanceof BackupFailed;
  }
}
