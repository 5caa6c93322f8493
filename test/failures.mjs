// A reporter of the failed tests alone: where each stands, and its error.
export default async function* failures(events) {
  const lines = [];
  for await (const { type, data } of events) {
    if (type !== 'test:fail' || data.details?.error?.failureType === 'subtestsFailed') continue;
    const error = data.details?.error?.cause ?? data.details?.error;
    const text = String(error?.stack ?? error?.message ?? error).split('\n');
    lines.push(`# failed: ${data.file}: ${data.name}`, ...text.slice(0, 30).map((line) => `#   ${line}`));
  }
  if (lines.length > 0) yield `${lines.join('\n')}\n`;
}
