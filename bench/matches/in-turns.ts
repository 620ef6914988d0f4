/** Works that are under way at the same time: enough to be quick, and no storm. */
const AT_ONCE = 8;

/** Does something for each item, a few at a time, and keeps their order. */
export async function inTurns<Item, Value>(
  items: Iterable<Item>,
  work: (item: Item) => Promise<Value>,
): Promise<Value[]> {
  const left = [...items].entries();
  const values: Value[] = [];
  const worker = async (): Promise<void> => {
    for (const [index, item] of left) values[index] = await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return values;
}
