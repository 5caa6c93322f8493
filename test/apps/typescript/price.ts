// price.ts
export interface Order {
  readonly item: string;
  readonly pieces: number;
}

export const priceOf = ({ item, pieces }: Order): number => item.length * pieces;
