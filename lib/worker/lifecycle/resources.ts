/** What is waited for now, and was not then; of `process.getActiveResourcesInfo()`. */
export function without(resources: readonly string[], before: readonly string[]): string[] {
  const rest = [...before];
  return resources.filter((resource) => {
    const known = rest.indexOf(resource);
    if (known !== -1) rest.splice(known, 1);
    return known === -1;
  });
}
