// table.mjs
import { createElement as h } from 'react';
import { renderToString } from 'react-dom/server';

const Row = ({ number }) =>
  h('tr', null, h('td', null, number), h('td', null, number ** 2), h('td', null, Math.sqrt(number).toFixed(3)));

const Table = ({ rows }) =>
  h(
    'table',
    null,
    h(
      'tbody',
      null,
      Array.from({ length: rows }, (_, index) => h(Row, { key: index, number: index })),
    ),
  );

export default (request, response) => {
  const { searchParams } = new URL(request.url, 'http://localhost');
  const table = renderToString(h(Table, { rows: Number(searchParams.get('rows') ?? 5_000) }));
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.end(`<!doctype html><title>Squares and roots</title>${table}`);
};
