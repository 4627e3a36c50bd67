// A PowerSync connector for .NET that uploads to writegate.
using System;
using System.Collections.Concurrent;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Threading.Tasks;
using PowerSync.Common.Client;
using PowerSync.Common.Client.Connection;
using PowerSync.Common.DB.Crud;

/// <summary>
/// Whatever happens, a write leaves the queue only when the server has applied it, or has refused and kept it. Make a new
/// connector for each sign-in.
/// </summary>
/// <param name="url">The address of writegate, such as https://write.example.com, without a slash at the end.</param>
/// <param name="session">Gives the token of the app's own session, null when nobody is signed in.</param>
/// <param name="http">Any client; an upload may take two minutes, so its timeout should be longer.</param>
/// <param name="onRefused">
/// Told of a refused transaction before the device forgets it. When it throws, the transaction stays and comes again.
/// </param>
public class WritegateConnector(
    string url, Func<Task<string?>> session, HttpClient http, Func<CrudTransaction, JsonElement, Task>? onRefused = null
) : IPowerSyncBackendConnector
{
    /// <summary>The server is left alone for so long at most, whatever it asks for, in milliseconds.</summary>
    private const double LongestPause = 300_000;

    /// <summary>When each path may be asked again, by Environment.TickCount64.</summary>
    private readonly ConcurrentDictionary<string, long> notBefore = new();

    private volatile string? token;

    public async Task<PowerSyncCredentials?> FetchCredentials()
    {
        var own = await session();
        if (own == null)
        {
            token = null;
            return null;
        }
        using var response = await Ask(HttpMethod.Get, "/api/auth/token", own);
        var said = await Said("token", response);
        var fresh = said.GetProperty("token").GetString()!;
        token = fresh;
        return new PowerSyncCredentials(said.GetProperty("endpoint").GetString()!, fresh);
    }

    /// <summary>Uploads the transaction at the head of the queue. The SDK calls it again until the queue is empty.</summary>
    public async Task UploadData(IPowerSyncDatabase database)
    {
        var transaction = await database.GetNextCrudTransaction();
        if (transaction == null) return;
        var body = new
        {
            client_id = await database.GetClientId(),
            transactions = new[]
            {
                new { transaction_id = transaction.TransactionId, crud = transaction.Crud.Select(Operation) },
            },
        };
        var response = await Post(body);
        if (response.StatusCode == HttpStatusCode.Unauthorized)
        {
            response.Dispose();
            response = await Post(body);
        }
        using (response)
        {
            var results = (await Said("upload", response)).GetProperty("results");
            var result = results.GetArrayLength() == 1 ? results[0] : throw new InvalidDataException("upload: not one result");
            var status = result.GetProperty("status").GetString();
            var refused = status == "fatal_error" && !result.GetProperty("requires_client_handling").GetBoolean();
            if (status != "success" && !refused) throw new InvalidOperationException($"upload: {result}");
            if (refused && onRefused != null) await onRefused(transaction, result.Clone());
            await transaction.Complete();
        }
    }

    private static object Operation(CrudEntry entry) => new
    {
        op_id = entry.ClientId,
        tx_id = entry.TransactionId,
        op = entry.Op.ToString(),
        table = entry.Table,
        id = entry.Id,
        data = entry.OpData,
        old = entry.PreviousValues,
        metadata = entry.Metadata,
    };

    private async Task<HttpResponseMessage> Post(object body)
    {
        if (token == null) await FetchCredentials();
        var sent = token ?? throw new InvalidOperationException("upload: nobody is signed in");
        var response = await Ask(HttpMethod.Post, "/api/data", sent, JsonContent.Create(body));
        // With 403 it lacks what the policy requires, and the next one may have it. The SDK may have a newer one already.
        if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden && token == sent) token = null;
        return response;
    }

    /// <summary>Asks, unless an answer at that path said in Retry-After that it is too early.</summary>
    private async Task<HttpResponseMessage> Ask(HttpMethod method, string path, string bearer, HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(method, url + path) { Content = content };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        if (notBefore.TryGetValue(path, out var until) && Environment.TickCount64 < until)
            throw new InvalidOperationException($"{path}: the server asks to be left alone for a while");
        var response = await http.SendAsync(request);
        var asked = response.Headers.RetryAfter?.Delta?.TotalMilliseconds ?? 0;
        notBefore[path] = Environment.TickCount64 + (long)Math.Min(asked, LongestPause);
        return response;
    }

    /// <summary>The answer as JSON. The SDK keeps the writes and tries again when it is another than 200.</summary>
    private static async Task<JsonElement> Said(string what, HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync();
        if (response.StatusCode != HttpStatusCode.OK)
            throw new HttpRequestException($"{what}: status {(int)response.StatusCode}: {text[..Math.Min(text.Length, 300)]}");
        return JsonSerializer.Deserialize<JsonElement>(text);
    }
}
