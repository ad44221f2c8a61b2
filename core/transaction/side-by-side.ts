/** Does the work for each, so many at once. Answers what was thrown: one that fails stops no other. */
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
