//! The REST API: routes, problems, authentication, OpenAPI
