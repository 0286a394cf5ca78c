/** What a component needs of a translator: JupyterLab's `TranslationBundle` fits, and so does {@link plainText}. */
export interface Trans {
  __(message: string, ...values: (string | number)[]): string;
  _n(singular: string, plural: string, count: number, ...values: (string | number)[]): string;
}

const fill = (message: string, values: readonly (string | number)[]): string =>
  message.replace(/%(\d)/g, (whole, digit: string) => {
    const value = values[Number(digit) - 1];
    return value === undefined ? whole : String(value);
  });

/** The English of the source, for places without a translator. `%1` is the first value, as in JupyterLab. */
export const plainText: Trans = {
  __: (message, ...values) => fill(message, values),
  // JupyterLab's bundle counts the number itself as the first value.
  _n: (singular, plural, count, ...values) => fill(count === 1 ? singular : plural, [count, ...values])
};
