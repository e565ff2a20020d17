/**
 * Runs `work` on items with at most `ahead` under way at once and gives the outcomes in the items' order. When one fails, or the consumer
 * stops, no further item is taken; what is under way is waited for, so that nothing goes on behind the caller's back.
 */
export async function* inOrder<Item, Outcome>(
  items: AsyncIterable<Item> | Iterable<Item>,
  ahead: number,
  work: (item: Item) => Promise<Outcome>,
): AsyncGenerator<Outcome> {
  const underWay: Promise<Outcome>[] = [];
  try {
    for await (const item of items) {
      const outcome = work(item);
      // A failure is met where it is awaited below; without this it would count as unhandled until then.
      outcome.catch(() => undefined);
      underWay.push(outcome);
      const oldest = underWay.length >= ahead ? underWay.shift() : undefined;
      if (oldest !== undefined) yield await oldest;
    }
    for (let oldest = underWay.shift(); oldest !== undefined; oldest = underWay.shift()) yield await oldest;
  } finally {
    await Promise.allSettled(underWay);
  }
}
