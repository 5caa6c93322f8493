export function load() {
  return { rows: Array.from({ length: 1000 }, (_, index) => ({ index, square: index * index })) };
}
