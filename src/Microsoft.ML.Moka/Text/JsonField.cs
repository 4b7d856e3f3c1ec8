using System.Text.Json;

namespace Microsoft.ML.Moka.Text;

/// <summary>A JSON value and where it stands, so that an error can name the field.</summary>
internal sealed record JsonField(JsonElement Value, string Path)
{
    /// <summary>Ids beyond this are not of a vocabulary but of a damaged file.</summary>
    private const int MaxId = 1 << 24;

    public JsonField this[string name] => Optional(name) ?? throw Child(default, name).Wrong("is missing");

    public static bool IsPresent(JsonField? node) => node is not null;

    public static bool IsTrue(JsonField? node) => node is { Value.ValueKind: JsonValueKind.True };

    public static bool IsText(JsonField? node) => node is { Value.ValueKind: JsonValueKind.String } && node.Value.GetString()!.Length > 0;

    /// <summary>The member of that name; null where it is missing or null.</summary>
    public JsonField? Optional(string name)
    {
        if (Value.ValueKind != JsonValueKind.Object)
            throw Wrong("is not an object");
        return Value.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? Child(value, name) : null;
    }

    public void Refuse(string name, Func<JsonField?, bool> isRefused, string reason)
    {
        if (Optional(name) is var node && isRefused(node))
            throw node!.Wrong($"is not supported: {reason}");
    }

    public IEnumerable<KeyValuePair<string, JsonField>> Members()
    {
        if (Value.ValueKind != JsonValueKind.Object)
            throw Wrong("is not an object");
        return Value.EnumerateObject().Select(member => KeyValuePair.Create(member.Name, Child(member.Value, member.Name)));
    }

    public IEnumerable<JsonField> Items()
    {
        if (Value.ValueKind != JsonValueKind.Array)
            throw Wrong("is not a list");
        return Value.EnumerateArray().Select((item, index) => new JsonField(item, $"{Path}[{index}]"));
    }

    public string Text() => Value.ValueKind == JsonValueKind.String ? Value.GetString()! : throw Wrong("is not a text");

    public int Id() => Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out var id) && id is >= 0 and < MaxId ? id : throw Wrong("is not a token id");

    public InvalidDataException Wrong(string what) => new($"{Path} {what}");

    private JsonField Child(JsonElement value, string name) => new(value, Path.Length == 0 ? name : $"{Path}.{name}");
}
