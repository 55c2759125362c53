// Swagger UI from this server's own files; the validator badge would be another host's.
window.SwaggerUIBundle({
  url: `${document.documentElement.dataset.root || ""}/openapi.json`,
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});
