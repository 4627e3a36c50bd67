// A PowerSync connector for Swift that uploads to writegate.
import Foundation
import PowerSync

/// Whatever happens, a write leaves the queue only when the server has applied it, or has refused and kept it. Make a new
/// connector for each sign-in.
public actor WritegateConnector: PowerSyncBackendConnectorProtocol {
    /// Told of a refused transaction before the device forgets it. When it throws, the transaction stays and comes again.
    public typealias OnRefused = @Sendable (CrudTransaction, Refusal) async throws -> Void

    private let url: URL
    private let session: @Sendable () async throws -> String?
    private let onRefused: OnRefused?
    private var token: String?
    /// When each path may be asked again, by the system's uptime.
    private var notBefore: [String: TimeInterval] = [:]

    private let maxTransactions = 50
    private let maxOperations = 1000
    private let longestPause: TimeInterval = 300 // the server is left alone for so long at most, whatever it asks for

    /// - Parameters:
    ///   - url: The address of writegate, such as https://write.example.com.
    ///   - session: Gives the token of the app's own session, nil when nobody is signed in.
    public init(url: URL, session: @escaping @Sendable () async throws -> String?, onRefused: OnRefused? = nil) {
        self.url = url
        self.session = session
        self.onRefused = onRefused
    }

    public func fetchCredentials() async throws -> PowerSyncCredentials? {
        guard let own = try await session() else {
            token = nil
            return nil
        }
        let (data, status) = try await ask("api/auth/token", token: own, body: nil)
        guard status == 200 else { throw WritegateError(what: "token", status: status, body: data) }
        let said = try JSONDecoder().decode(Issued.self, from: data)
        token = said.token
        return PowerSyncCredentials(endpoint: said.endpoint, token: said.token)
    }

    public func uploadData(database: PowerSyncDatabaseProtocol) async throws {
        var sent: [CrudTransaction] = []
        var operations = 0
        for try await transaction in database.getCrudTransactions() {
            sent.append(transaction)
            operations += transaction.crud.count
            if sent.count >= maxTransactions || operations >= maxOperations { break }
        }
        if sent.isEmpty { return }

        let device = try await database.get("SELECT powersync_client_id()") { try $0.getString(index: 0) }
        var (data, status) = try await send(sent, of: device)
        while status == 413 && sent.count > 1 {
            sent.removeLast(sent.count / 2) // too much at once; the rest comes later
            (data, status) = try await send(sent, of: device)
        }
        guard status == 200, let answer = try? JSONDecoder().decode(Answer.self, from: data), answer.results.count == sent.count
        else { throw WritegateError(what: "upload", status: status, body: data) }

        var settled: (CrudTransaction)?
        var failure: (any Error)?
        for (transaction, result) in zip(sent, answer.results) {
            let refused = result.status == "fatal_error" && result.requires_client_handling == false
            if result.status != "success" && !refused { break }
            do {
                if refused { try await onRefused?(transaction, result) }
            } catch {
                failure = error
                break
            }
            settled = transaction
        }
        try await settled?.complete() // this one and all before it
        if let failure { throw failure }
        if settled == nil { throw WritegateError(what: "upload", status: status, body: data) }
    }

    private func send(_ sent: [CrudTransaction], of device: String) async throws -> (Data, Int) {
        let body = try JSONEncoder().encode(Upload(client_id: device, transactions: sent.map(Upload.Transaction.init)))
        let (data, status) = try await post(body)
        return status == 401 ? try await post(body) : (data, status)
    }

    private func post(_ body: Data) async throws -> (Data, Int) {
        if token == nil { _ = try await fetchCredentials() }
        guard let token else { throw WritegateError(what: "upload: nobody is signed in", status: 0, body: Data()) }
        let (data, status) = try await ask("api/data", token: token, body: body)
        // With 403 it lacks what the policy requires, and the next one may have it. The SDK may have a newer one already.
        if status == 401 || status == 403, self.token == token { self.token = nil }
        return (data, status)
    }

    /// Asks, unless an answer at that path said in Retry-After that it is too early.
    private func ask(_ path: String, token: String, body: Data?) async throws -> (Data, Int) {
        if let until = notBefore[path], ProcessInfo.processInfo.systemUptime < until {
            throw WritegateError(what: "\(path): the server asks to be left alone for a while", status: 0, body: Data())
        }
        var request = URLRequest(url: url.appendingPathComponent(path))
        request.timeoutInterval = 150 // the server may take two minutes
        request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization")
        if let body {
            request.httpMethod = "POST"
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
            request.httpBody = body
        }
        let (data, response) = try await URLSession.shared.data(for: request)
        guard let response = response as? HTTPURLResponse else { throw WritegateError(what: path, status: 0, body: data) }
        let asked = TimeInterval(response.value(forHTTPHeaderField: "Retry-After") ?? "") ?? 0
        notBefore[path] = ProcessInfo.processInfo.systemUptime + max(0, min(asked, longestPause))
        return (data, response.statusCode)
    }
}

/// What became of one transaction.
public struct Refusal: Decodable, Sendable {
    public struct Failed: Decodable, Sendable {
        public let error_code: String
        public let message: String?
    }

    public let status: String
    public let requires_client_handling: Bool?
    public let message: String?
    public let failed_operation: Failed?
}

/// Why nothing could be uploaded, or no token be had. The SDK keeps the writes and tries again.
public struct WritegateError: Error, CustomStringConvertible {
    public let what: String
    public let status: Int
    public let body: Data

    public var description: String { "\(what): status \(status): \(String(decoding: body.prefix(300), as: UTF8.self))" }
}

private struct Issued: Decodable { let token: String, endpoint: String }
private struct Answer: Decodable { let results: [Refusal] }

private struct Upload: Encodable {
    struct Transaction: Encodable {
        let transaction_id: Int64?, crud: [Operation]

        init(_ transaction: CrudTransaction) {
            transaction_id = transaction.transactionId
            crud = transaction.crud.map {
                Operation(op_id: $0.clientId, tx_id: $0.transactionId, op: $0.op.rawValue, table: $0.table, id: $0.id,
                          data: $0.opDataTyped, old: $0.previousValuesTyped, metadata: $0.metadata)
            }
        }
    }

    /// The typed values: in `opData` all are strings, and a null is the string "null" in some versions of the SDK.
    struct Operation: Encodable {
        let op_id: Int64, tx_id: Int64?, op: String, table: String, id: String
        let data: JsonParam?, old: JsonParam?, metadata: String?
    }

    let client_id: String, transactions: [Transaction]
}
