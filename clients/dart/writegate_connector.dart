// A PowerSync connector for Dart and Flutter that uploads to writegate.
import 'dart:convert';

import 'package:http/http.dart' as http;
import 'package:powersync/powersync.dart';

/// Whatever happens, a write leaves the queue only when the server has applied it, or has refused and kept it. Make a new
/// connector for each sign-in.
class WritegateConnector extends PowerSyncBackendConnector {
  WritegateConnector({required this.url, required this.session, this.onRefused, http.Client? client})
    : _http = client ?? http.Client();

  /// The address of writegate, such as https://write.example.com, without a slash at the end.
  final String url;

  /// The token of the app's own session, null when nobody is signed in.
  final Future<String?> Function() session;

  /// Told of a refused transaction before the device forgets it. When it throws, the transaction stays and comes again.
  final Future<void> Function(CrudTransaction transaction, Map<String, dynamic> result)? onRefused;

  final http.Client _http;

  static const _maxTransactions = 50, _maxOperations = 1000;
  static const _timeout = Duration(seconds: 150); // the server may take two minutes
  static const _longestPause = 300; // seconds that the server is left alone at most, whatever it asks for

  /// When each path may be asked again, by [_clock].
  final _notBefore = <String, Duration>{};
  final _clock = Stopwatch()..start();

  @override
  Future<PowerSyncCredentials?> fetchCredentials() async {
    final own = await session();
    if (own == null) return null;
    final res = await _ask('/api/auth/token', (uri) => _http.get(uri, headers: {'authorization': 'Bearer $own'}));
    if (res.statusCode != 200) throw WritegateException('token', res);
    final said = jsonDecode(utf8.decode(res.bodyBytes)) as Map<String, dynamic>;
    return PowerSyncCredentials(endpoint: said['endpoint'] as String, token: said['token'] as String);
  }

  @override
  Future<void> uploadData(PowerSyncDatabase database) async {
    final sent = <CrudTransaction>[];
    var operations = 0;
    await for (final transaction in database.getCrudTransactions()) {
      sent.add(transaction);
      operations += transaction.crud.length;
      if (sent.length >= _maxTransactions || operations >= _maxOperations) break;
    }
    if (sent.isEmpty) return;

    final device = (await database.get('SELECT powersync_client_id() AS id'))['id'] as String;
    var res = await _send(device, sent);
    while (res.statusCode == 413 && sent.length > 1) {
      sent.length = (sent.length + 1) ~/ 2; // too much at once; the rest comes later
      res = await _send(device, sent);
    }
    if (res.statusCode != 200) throw WritegateException('upload', res);

    final answer = jsonDecode(utf8.decode(res.bodyBytes)) as Map<String, dynamic>;
    final results = (answer['results'] as List).cast<Map<String, dynamic>>();
    if (results.length != sent.length) throw WritegateException('upload', res);
    CrudTransaction? settled;
    try {
      for (final (i, transaction) in sent.indexed) {
        final result = results[i];
        final refused = result['status'] == 'fatal_error' && result['requires_client_handling'] == false;
        if (result['status'] != 'success' && !refused) break;
        if (refused) await onRefused?.call(transaction, result);
        settled = transaction;
      }
    } finally {
      await settled?.complete(); // this one and all before it
    }
    if (settled == null) throw WritegateException('upload', res);
  }

  Future<http.Response> _send(String device, List<CrudTransaction> sent) async {
    // An entry's toJson has op_id, tx_id, op, type, id, data, old and metadata.
    final body = jsonEncode({
      'client_id': device,
      'transactions': [
        for (final t in sent) {'transaction_id': t.transactionId, 'crud': t.crud},
      ],
    });
    final res = await _post(body);
    return res.statusCode == 401 ? _post(body) : res;
  }

  Future<http.Response> _post(String body) async {
    final credentials = await getCredentialsCached();
    if (credentials == null) throw StateError('upload: nobody is signed in');
    final headers = {'content-type': 'application/json', 'authorization': 'Bearer ${credentials.token}'};
    final res = await _ask('/api/data', (uri) => _http.post(uri, headers: headers, body: body));
    // With 403 the token lacks what the policy requires, and the next one may have it.
    if (res.statusCode == 401 || res.statusCode == 403) invalidateCredentials();
    return res;
  }

  /// Asks, unless an answer at that path said in Retry-After that it is too early.
  Future<http.Response> _ask(String path, Future<http.Response> Function(Uri uri) send) async {
    if (_clock.elapsed < (_notBefore[path] ?? Duration.zero)) {
      throw StateError('$path: the server asks to be left alone for a while');
    }
    final res = await send(Uri.parse('$url$path')).timeout(_timeout);
    final asked = int.tryParse(res.headers['retry-after'] ?? '') ?? 0;
    _notBefore[path] = _clock.elapsed + Duration(seconds: asked.clamp(0, _longestPause).toInt());
    return res;
  }
}

/// Why nothing could be uploaded, or no token be had. The SDK keeps the writes and tries again.
class WritegateException implements Exception {
  WritegateException(this.what, http.Response res) : status = res.statusCode, body = res.body;

  final String what;
  final int status;
  final String body;

  @override
  String toString() => '$what: status $status: ${body.length > 300 ? body.substring(0, 300) : body}';
}
