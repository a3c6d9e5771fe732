// Swagger UI has a dark side, and leaves it to the page when to show it.
const dark = globalThis.matchMedia('(prefers-color-scheme: dark)');
const paint = () => globalThis.document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', paint);
paint();

globalThis.SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  validatorUrl: null,
  tryItOutEnabled: true,
});
