package auth

import "time"

// Preset is what is known about the tokens of a provider, so that a configuration need not say it. A name in braces stands
// for what the setting of that name has, once for each of its values.
type Preset struct {
	// Name is what the configuration calls it.
	Name string
	// About says in a few words which tokens it is for.
	About string
	// Needs lists the settings that have to be given, in order; it takes no others.
	Needs []string
	// What the tokens are held against, as in [Options].
	Audience, Issuer, JWKSURL string
	Discover                  bool
	Algorithms                []string
	Require                   map[string]string
	AnyAudience               bool
	MaxLifetime               time.Duration
	// Docs is where the provider documents its tokens.
	Docs string
}

// setting is a key that presets may need: its name, what it is for people, and what its values look like.
type setting struct {
	name, what string
	form       form
}

// SupabaseLifetime is the longest that Supabase lets a token live, and what the sync service adds to it.
const SupabaseLifetime = 7*24*time.Hour + 20*time.Minute

var presets = []Preset{
	{
		Name: "auth0", About: "Auth0: access tokens for an API", Needs: []string{"domain", "audience"},
		Audience: "{audience}", Issuer: "https://{domain}/", JWKSURL: "https://{domain}/.well-known/jwks.json", Algorithms: []string{"RS256"},
		Docs: "https://auth0.com/docs/secure/tokens/access-tokens/validate-access-tokens",
	},
	{
		Name: "clerk", About: "Clerk: tokens of a JWT template that sets aud", Needs: []string{"domain", "audience"},
		Audience: "{audience}", Issuer: "https://{domain}", JWKSURL: "https://{domain}/.well-known/jwks.json", Algorithms: []string{"RS256"},
		Docs: "https://clerk.com/docs/guides/sessions/jwt-templates",
	},
	{
		Name: "clerk-session", About: "Clerk: session tokens, which have azp and no aud", Needs: []string{"domain", "origins"},
		Issuer: "https://{domain}", JWKSURL: "https://{domain}/.well-known/jwks.json", Algorithms: []string{"RS256"},
		AnyAudience: true, Require: map[string]string{"azp": "{origins}", "sid": ""},
		Docs: "https://clerk.com/docs/guides/sessions/session-tokens",
	},
	{
		Name: "cognito", About: "Amazon Cognito: ID tokens", Needs: []string{"region", "user_pool", "client_id"},
		Audience: "{client_id}", Issuer: "https://cognito-idp.{region}.amazonaws.com/{user_pool}",
		JWKSURL:    "https://cognito-idp.{region}.amazonaws.com/{user_pool}/.well-known/jwks.json",
		Algorithms: []string{"RS256"}, Require: map[string]string{"token_use": "id"},
		Docs: "https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html",
	},
	{
		Name: "cognito-access", About: "Amazon Cognito: access tokens, which have client_id and no aud", Needs: []string{"region", "user_pool", "client_id"},
		Issuer:     "https://cognito-idp.{region}.amazonaws.com/{user_pool}",
		JWKSURL:    "https://cognito-idp.{region}.amazonaws.com/{user_pool}/.well-known/jwks.json",
		Algorithms: []string{"RS256"}, AnyAudience: true, Require: map[string]string{"token_use": "access", "client_id": "{client_id}"},
		Docs: "https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html",
	},
	{
		Name: "firebase", About: "Firebase and Google Cloud Identity Platform: ID tokens", Needs: []string{"project"},
		Audience: "{project}", Issuer: "https://securetoken.google.com/{project}",
		JWKSURL:    "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
		Algorithms: []string{"RS256"},
		Docs:       "https://firebase.google.com/docs/auth/admin/verify-id-tokens",
	},
	{
		Name: "keycloak", About: "Keycloak: access tokens of a realm, whose address is issuer", Needs: []string{"issuer", "audience"},
		Audience: "{audience}", Issuer: "{issuer}", JWKSURL: "{issuer}/protocol/openid-connect/certs",
		Require: map[string]string{"typ": "Bearer"}, // ID, refresh and logout tokens have the same keys and iss, and a client for aud.
		Docs:    "https://www.keycloak.org/securing-apps/oidc-layers",
	},
	{
		Name: "oidc", About: "any provider with OpenID Connect discovery", Needs: []string{"issuer", "audience"},
		Audience: "{audience}", Issuer: "{issuer}", Discover: true,
		Docs: "https://openid.net/specs/openid-connect-discovery-1_0.html",
	},
	{
		Name: "stytch", About: "Stytch: session tokens; domain is api.stytch.com, or test.stytch.com for a test project", Needs: []string{"domain", "project"},
		Audience: "{project}", Issuer: "stytch.com/{project}", JWKSURL: "https://{domain}/v1/sessions/jwks/{project}", Algorithms: []string{"RS256"},
		Require: map[string]string{"https://stytch.com/session": ""}, // Tokens for machines and for the apps of others have the same keys, iss and aud.
		Docs:    "https://stytch.com/docs/api-reference/consumer/api/sessions/get-jwks",
	},
	{
		Name: "supabase", About: "Supabase: JWT signing keys", Needs: []string{"project"},
		Audience: "authenticated", Issuer: "https://{project}.supabase.co/auth/v1",
		JWKSURL:    "https://{project}.supabase.co/auth/v1/.well-known/jwks.json",
		Algorithms: []string{"ES256", "RS256"}, MaxLifetime: SupabaseLifetime,
		Docs: "https://supabase.com/docs/guides/auth/signing-keys",
	},
	{
		Name: "supabase-legacy", About: "Supabase: the legacy JWT secret", Needs: []string{"project", "hs256_secret"},
		Audience: "authenticated", Issuer: "https://{project}.supabase.co/auth/v1",
		Algorithms: []string{hs256}, MaxLifetime: SupabaseLifetime,
		Docs: "https://supabase.com/docs/guides/auth/jwts",
	},
	{
		Name: "writegate", About: "another writegate that issues tokens", Needs: []string{"domain", "issuer", "audience"},
		Audience: "{audience}", Issuer: "{issuer}", JWKSURL: "https://{domain}/.well-known/jwks.json",
		Docs: "https://docs.powersync.com/configuration/auth/custom",
	},
}

// settings are what presets may need, beside hs256_secret.
var settings = []setting{
	{"audience", "what the tokens' aud says", texts},
	{"client_id", "the ids of the app clients", words},
	{"domain", "the provider's host, without https://", hostName},
	{"issuer", "the tokens' iss, an https address", address},
	{"origins", "the sites that may ask for tokens, such as https://app.example.com", texts},
	{"project", "the project's id, which is the first part of its address at Supabase", word},
	{"region", "the region, such as eu-west-1", word},
	{"user_pool", "the id of the user pool, such as eu-west-1_AbCdEfGhI", word},
}
