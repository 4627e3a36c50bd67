// A PowerSync connector for Kotlin Multiplatform that uploads to writegate, with the HTTP client of Ktor.
import com.powersync.PowerSyncDatabase
import com.powersync.connectors.PowerSyncBackendConnector
import com.powersync.connectors.PowerSyncCredentials
import com.powersync.db.crud.CrudEntry
import com.powersync.db.crud.CrudTransaction
import io.ktor.client.HttpClient
import io.ktor.client.request.bearerAuth
import io.ktor.client.request.get
import io.ktor.client.request.post
import io.ktor.client.request.setBody
import io.ktor.client.statement.HttpResponse
import io.ktor.client.statement.bodyAsText
import io.ktor.http.ContentType
import io.ktor.http.HttpHeaders
import io.ktor.http.HttpStatusCode
import io.ktor.http.contentType
import kotlin.concurrent.Volatile
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource
import kotlinx.coroutines.flow.takeWhile
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.addJsonObject
import kotlinx.serialization.json.booleanOrNull
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonArray

private const val MAX_TRANSACTIONS = 50
private const val MAX_OPERATIONS = 1000
private const val LONGEST_PAUSE = 300L // seconds that the server is left alone at most, whatever it asks for

/**
 * Whatever happens, a write leaves the queue only when the server has applied it, or has refused and kept it. Make a new
 * connector for each sign-in.
 *
 * @param url the address of writegate, such as https://write.example.com, without a slash at the end
 * @param http any client; an upload may take two minutes, so its timeout should be longer
 * @param session gives the token of the app's own session, null when nobody is signed in
 * @param onRefused is told of a refused transaction before the device forgets it; when it throws, the transaction stays
 */
class WritegateConnector(
    private val url: String,
    private val http: HttpClient,
    private val session: suspend () -> String?,
    private val onRefused: suspend (CrudTransaction, JsonObject) -> Unit = { _, _ -> },
) : PowerSyncBackendConnector() {
    private val tokenPause = Pause("token")
    private val uploadPause = Pause("upload")

    override suspend fun fetchCredentials(): PowerSyncCredentials? {
        val own = session() ?: return null
        tokenPause.check()
        val res = http.get("$url/api/auth/token") { bearerAuth(own) }
        tokenPause.after(res)
        val said = res.said("token")
        return PowerSyncCredentials(
            endpoint = said.getValue("endpoint").jsonPrimitive.content,
            token = said.getValue("token").jsonPrimitive.content,
        )
    }

    override suspend fun uploadData(database: PowerSyncDatabase) {
        var sent = listOf<CrudTransaction>()
        var operations = 0
        database.getCrudTransactions().takeWhile { sent.size < MAX_TRANSACTIONS && operations < MAX_OPERATIONS }.collect {
            sent += it
            operations += it.crud.size
        }
        if (sent.isEmpty()) return

        val device = database.get("SELECT powersync_client_id()") { it.getString(0)!! }
        var res = send(device, sent)
        while (res.status == HttpStatusCode.PayloadTooLarge && sent.size > 1) {
            sent = sent.take((sent.size + 1) / 2) // too much at once; the rest comes later
            res = send(device, sent)
        }
        val results = res.said("upload").getValue("results").jsonArray.map { it.jsonObject }
        check(results.size == sent.size) { "upload: ${results.size} results for ${sent.size} transactions" }
        var settled: CrudTransaction? = null
        try {
            for ((transaction, result) in sent.zip(results)) {
                val refused = result.text("status") == "fatal_error" &&
                    result["requires_client_handling"]?.jsonPrimitive?.booleanOrNull == false
                if (result.text("status") != "success" && !refused) break
                if (refused) onRefused(transaction, result)
                settled = transaction
            }
        } finally {
            settled?.complete?.invoke(null) // this one and all before it
        }
        check(settled != null) { "upload: ${results.first().text("message") ?: "nothing is settled yet"}" }
    }

    private suspend fun send(device: String, sent: List<CrudTransaction>): HttpResponse {
        val body = body(device, sent)
        val res = post(body)
        return if (res.status == HttpStatusCode.Unauthorized) post(body) else res
    }

    private suspend fun post(body: JsonObject): HttpResponse {
        uploadPause.check()
        val credentials = checkNotNull(getCredentialsCached()) { "upload: nobody is signed in" }
        val res = http.post("$url/api/data") {
            bearerAuth(credentials.token)
            contentType(ContentType.Application.Json)
            setBody(body.toString())
        }
        // With 403 the token lacks what the policy requires, and the next one may have it.
        if (res.status == HttpStatusCode.Unauthorized || res.status == HttpStatusCode.Forbidden) invalidateCredentials()
        uploadPause.after(res)
        return res
    }

    private fun body(device: String, transactions: List<CrudTransaction>) = buildJsonObject {
        put("client_id", device)
        putJsonArray("transactions") {
            for (transaction in transactions) addJsonObject {
                put("transaction_id", transaction.transactionId)
                putJsonArray("crud") { for (entry in transaction.crud) add(operation(entry)) }
            }
        }
    }

    private fun operation(entry: CrudEntry) = buildJsonObject {
        put("op_id", entry.clientId)
        put("tx_id", entry.transactionId)
        put("op", entry.op.toJson())
        put("table", entry.table)
        put("id", entry.id)
        entry.opData?.let { put("data", it.jsonValues) }
        entry.previousValues?.let { put("old", it.jsonValues) }
        entry.metadata?.let { put("metadata", it) }
    }
}

/** Keeps to the Retry-After of answers. */
private class Pause(private val what: String) {
    @Volatile
    private var until = TimeSource.Monotonic.markNow()

    fun check() = check(until.hasPassedNow()) { "$what: the server asks to be left alone for a while" }

    fun after(res: HttpResponse) {
        val asked = res.headers[HttpHeaders.RetryAfter]?.toLongOrNull() ?: 0
        until = TimeSource.Monotonic.markNow() + asked.coerceIn(0, LONGEST_PAUSE).seconds
    }
}

/** The answer as JSON; the SDK keeps the writes and tries again when it is another than 200. */
private suspend fun HttpResponse.said(what: String): JsonObject {
    check(status == HttpStatusCode.OK) { "$what: $status: ${bodyAsText().take(300)}" }
    return Json.parseToJsonElement(bodyAsText()).jsonObject
}

private fun JsonObject.text(name: String): String? = this[name]?.jsonPrimitive?.content
