const variable = (name: string) => `PINCHWORK_RATE_LIMIT_${name.toUpperCase()}`;
export const limited = (name: string, value: string) => ({ [variable(name)]: value });
