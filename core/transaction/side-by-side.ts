/** Does the work for each, `atOnce` at a time. A failure stops no other. Answers the errors. */
export async function sideBySide<T>(
  all: Iterable<T>,
  atOnce: number,
  work: (one: T) => Promise<void>,
): Promise<readonly unknown[]> {
  const errors: unknown[] = [];
  const rest = all[Symbol.iterator]();
  const hand = async (): Promise<void> => {
    for (let next = rest.next(); !next.done; next = rest.next()) {
      try {
        await work(next.value);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, hand));
  return errors;
}
