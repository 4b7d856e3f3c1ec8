using System.Security.Cryptography;
using System.Text;

namespace Microsoft.ML.Moka.Files;

/// <summary>JSON that has a SHA-256 over all of it but the hash, so that a change of it is noticed.</summary>
internal static class HashedJson
{
    private const string OwnHash = "own_sha256";

    // What stands in place of the hash while it is computed.
    private static readonly string Zeros = new('0', 2 * SHA256.HashSizeInBytes);

    /// <summary>The JSON of the fields and of the hash.</summary>
    public static byte[] Write(SortedDictionary<string, object?> fields)
    {
        fields[OwnHash] = Zeros;
        var json = IndentedJson.Write(fields);
        Encoding.ASCII.GetBytes(Convert.ToHexStringLower(SHA256.HashData(json)), json.AsSpan(json.AsSpan().IndexOf(Encoding.ASCII.GetBytes(Zeros))));
        return json;
    }

    /// <summary>Whether the JSON is what was written; null where it has no hash.</summary>
    /// <param name="json">The bytes of the file.</param>
    /// <param name="source">What errors call the file.</param>
    /// <exception cref="InvalidDataException">It is no JSON.</exception>
    public static bool? Matches(byte[] json, string source)
    {
        if (JsonFields.Parse(json, source, fields => fields.OptionalText(OwnHash)) is not { } hash)
            return null;
        var content = json.ToArray();
        var place = content.AsSpan().IndexOf(Encoding.UTF8.GetBytes(hash));
        if (place >= 0 && hash.Length == Zeros.Length)
            Encoding.ASCII.GetBytes(Zeros, content.AsSpan(place));
        return place >= 0 && Convert.ToHexStringLower(SHA256.HashData(content)) == hash;
    }
}
