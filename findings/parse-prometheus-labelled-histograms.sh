#!/bin/sh
# parse-prometheus-text-format: of a histogram with labels, only the buckets of the last series are left, without labels, sum and count
#
# The text is valid: one histogram with a label `path`, two series. Counters with labels come out as a metric for each series. Of the histogram one metric
# comes out for both: `buckets` are those of the series that comes last, and there is nothing of its labels, of `_sum` and of `_count`. Without labels, the same
# histogram has its sum and count. So a test that reads the metrics of a service with it sees neither how many requests there were nor of what, and no error.
#
# Seen, parse-prometheus-text-format 1.1.1 on node 20.20.2:
#   without labels: [{"buckets":{"1":"1","+Inf":"2"},"count":"2","sum":"3.5"}]
#   two series:     [{"buckets":{"1":"5","+Inf":"7"}}]
# Source: the program below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund parse-prometheus-text-format@1.1.1 > /dev/null
cat > reads.cjs <<'JS'
const parse = require('parse-prometheus-text-format');
const head = '# HELP took Seconds.\n# TYPE took histogram\n';
const series = (labels, [first, all], sum) => {
  const only = labels === '' ? '' : `{${labels}}`;
  const with_ = (le) => `{${labels === '' ? '' : `${labels},`}le="${le}"}`;
  return `took_bucket${with_('1')} ${first}\ntook_bucket${with_('+Inf')} ${all}\ntook_sum${only} ${sum}\ntook_count${only} ${all}\n`;
};
const read = (text) => JSON.stringify(parse(head + text)[0].metrics);
console.log(`without labels: ${read(series('', [1, 2], 3.5))}`);
console.log(`two series:     ${read(series('path="/a"', [1, 2], 3.5) + series('path="/b"', [5, 7], 9))}`);
JS
found=$(node reads.cjs)
echo "$found"
expected='without labels: [{"buckets":{"1":"1","+Inf":"2"},"count":"2","sum":"3.5"}]
two series:     [{"buckets":{"1":"5","+Inf":"7"}}]'
[ "$found" = "$expected" ] || { echo 'this has changed'; exit 1; }
