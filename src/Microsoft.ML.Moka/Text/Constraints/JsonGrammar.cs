using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using static Microsoft.ML.Moka.Text.Constraints.GrammarNode;

namespace Microsoft.ML.Moka.Text.Constraints;

/// <summary>
/// JSON as a grammar: any object, or what a schema allows. It is written closely, with a blank at most after a comma or a colon, and the properties of an
/// object come in the schema's order, so that a model cannot go on for ever between two values.
/// </summary>
internal sealed class JsonGrammar
{
    private const int MostDigits = 15;

    // What says something about a value and allows no other ones.
    private static readonly string[] Annotations =
        ["$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"];

    private static readonly GrammarNode Blank = Optional(Literal(" "));
    private static readonly GrammarNode Digit = Range('0', '9');
    private static readonly GrammarNode Whole = Sequence(Optional(Literal("-")), Choice(Literal("0"), Sequence(Range('1', '9'), UpTo(MostDigits, Digit))));
    private static readonly GrammarNode Number = Sequence(
        Whole, Optional(Sequence(Literal("."), Digit, UpTo(MostDigits, Digit))), Optional(Sequence(OneOf("eE"), Optional(OneOf("+-")), Digit)));

    private static readonly GrammarNode Text = MakeText();
    private static readonly LateNode Any = new();
    private static readonly GrammarNode AnyObject = MapOf(Any);

    private readonly JsonElement _root;
    private readonly Dictionary<string, LateNode> _references = new(StringComparer.Ordinal);

    static JsonGrammar() => Any.Target = Choice(AnyObject, ArrayOf(Any), Text, Number, Literal("true"), Literal("false"), Literal("null"));

    private JsonGrammar(JsonElement root) => _root = root;

    /// <summary>The grammar of a schema; of any object where there is none.</summary>
    /// <exception cref="NotSupportedException">The schema asks for something that is not kept to here; the message names the keyword and its place.</exception>
    public static GrammarNode Of(JsonElement? schema)
    {
        if (schema is not { } root)
            return AnyObject;
        var grammar = new JsonGrammar(root).ValueOf(root, "#");
        return GrammarState.Start(grammar).AllowsNothing
            ? throw new NotSupportedException("The JSON schema at '#' refers to itself alone: nothing can be written by it.")
            : grammar;
    }

    private GrammarNode ValueOf(JsonElement schema, string place)
    {
        if (schema.ValueKind == JsonValueKind.True)
            return Any;
        if (schema.ValueKind != JsonValueKind.Object)
            throw new NotSupportedException($"The JSON schema at '{place}' is no object: nothing can be written by it.");
        if (schema.TryGetProperty("$ref", out var reference))
            return Reference(schema, TextOf(reference, "$ref", place), place);
        if (schema.TryGetProperty("const", out var value))
            return Checked(schema, place, Literal(Compact(value)), "const", "type");
        if (schema.TryGetProperty("enum", out var values))
            return Checked(schema, place, Choice([.. ItemsOf(values, "enum", place).Select(one => Literal(Compact(one)))]), "enum", "type");
        if (schema.TryGetProperty("anyOf", out var choices))
            return Checked(schema, place, Choice(
                [.. ItemsOf(choices, "anyOf", place).Select((one, i) => ValueOf(one, $"{place}/anyOf/{i}"))]), "anyOf");
        if (!schema.TryGetProperty("type", out var type))
            return Checked(schema, place, Any);
        string[] types = type.ValueKind == JsonValueKind.Array
            ? [.. ItemsOf(type, "type", place).Select(one => TextOf(one, "type", place))]
            : [TextOf(type, "type", place)];
        Checked(schema, place, Empty, ["type", .. types.Contains("object") ? (string[])["properties", "required", "additionalProperties"] : [],
            .. types.Contains("array") ? (string[])["items"] : []]);
        return Choice([.. types.Select(one => OfType(schema, one, place))]);
    }

    private GrammarNode OfType(JsonElement schema, string type, string place) => type switch
    {
        "object" => ObjectOf(schema, place),
        "array" => ArrayOf(schema.TryGetProperty("items", out var items) ? ValueOf(items, $"{place}/items") : Any),
        "string" => Text,
        "number" => Number,
        "integer" => Whole,
        "boolean" => Choice(Literal("true"), Literal("false")),
        "null" => Literal("null"),
        _ => throw new NotSupportedException($"The JSON schema has the type '{type}' at '{place}', which JSON has not."),
    };

    private GrammarNode ObjectOf(JsonElement schema, string place)
    {
        var others = schema.TryGetProperty("additionalProperties", out var additional) ? additional : default;
        var hasProperties = schema.TryGetProperty("properties", out var properties);
        if (hasProperties && properties.ValueKind != JsonValueKind.Object)
            throw Malformed("properties", place, "an object");
        if (!hasProperties || !properties.EnumerateObject().Any())
            return others.ValueKind switch
            {
                JsonValueKind.False => Literal("{}"),
                JsonValueKind.Object => MapOf(ValueOf(others, $"{place}/additionalProperties")),
                _ => AnyObject,
            };
        HashSet<string> required = schema.TryGetProperty("required", out var names) ? ListOf(names, place) : [];
        if (required.FirstOrDefault(name => !properties.TryGetProperty(name, out _)) is { } missing)
            throw new NotSupportedException($"The JSON schema requires '{missing}' at '{place}' and does not say what it is: add it to properties.");
        // From the last to the first: what may follow once a property was written, and while none was. None besides them is ever written.
        var (afterSome, afterNone) = (Literal("}"), Literal("}"));
        foreach (var property in properties.EnumerateObject().Reverse())
        {
            var member = Sequence(
                Literal($"\"{JsonEncodedText.Encode(property.Name, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\":"), Blank,
                ValueOf(property.Value, $"{place}/properties/{property.Name}"), afterSome);
            var next = Sequence(Literal(","), Blank, member);
            var isRequired = required.Contains(property.Name);
            (afterSome, afterNone) = (isRequired ? next : Choice(next, afterSome), isRequired ? member : Choice(member, afterNone));
        }
        return Sequence(Literal("{"), afterNone);
    }

    private static HashSet<string> ListOf(JsonElement names, string place) => names.ValueKind == JsonValueKind.Array
        ? [.. names.EnumerateArray().Select(name => TextOf(name, "required", place))]
        : throw Malformed("required", place, "a list of texts");

    private static string TextOf(JsonElement value, string keyword, string place) => value.ValueKind == JsonValueKind.String
        ? value.GetString()!
        : throw Malformed(keyword, place, "a text");

    private static IEnumerable<JsonElement> ItemsOf(JsonElement values, string keyword, string place) =>
        values.ValueKind == JsonValueKind.Array && values.GetArrayLength() > 0
            ? values.EnumerateArray()
            : throw Malformed(keyword, place, "a list that is not empty");

    private static NotSupportedException Malformed(string keyword, string place, string expected) =>
        new($"The JSON schema has a '{keyword}' at '{place}' that is not {expected}: nothing can be written by it.");

    private LateNode Reference(JsonElement schema, string pointer, string place)
    {
        Checked(schema, place, Empty, "$ref");
        if (_references.TryGetValue(pointer, out var known))
            return known;
        var target = _root;
        foreach (var escaped in pointer.Split('/').Skip(1))
        {
            var part = escaped.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            var found = target.ValueKind == JsonValueKind.Array && int.TryParse(part, out var index) && index < target.GetArrayLength()
                ? target[index]
                : target.ValueKind == JsonValueKind.Object && target.TryGetProperty(part, out var member) ? member
                : throw new NotSupportedException($"The JSON schema refers to '{pointer}' at '{place}', and has nothing there.");
            target = found;
        }
        if (!pointer.StartsWith('#'))
            throw new NotSupportedException($"The JSON schema refers to '{pointer}' at '{place}', which is not in the schema itself.");
        _references.Add(pointer, known = new LateNode());
        known.Target = ValueOf(target, pointer);
        return known;
    }

    private static GrammarNode Checked(JsonElement schema, string place, GrammarNode node, params IReadOnlyList<string> known) =>
        schema.EnumerateObject().Select(member => member.Name).FirstOrDefault(name => !known.Contains(name) && !Annotations.Contains(name)) is { } other
            ? throw new NotSupportedException($"The JSON schema has '{other}' at '{place}', which is not kept to here: leave it out, and check the answer.")
            : node;

    private static GrammarNode ArrayOf(GrammarNode item) =>
        Sequence(Literal("["), Optional(Sequence(item, Star(Sequence(Literal(","), Blank, item)))), Literal("]"));

    private static GrammarNode MapOf(GrammarNode value)
    {
        var member = Sequence(Text, Literal(":"), Blank, value);
        return Sequence(Literal("{"), Optional(Sequence(member, Star(Sequence(Literal(","), Blank, member)))), Literal("}"));
    }

    // RFC 8259, in UTF-8 that is whole; no half of a surrogate pair as an escape.
    private static GrammarNode MakeText()
    {
        var tail = Range(0x80, 0xBF);
        var hex = OneOf("0123456789abcdefABCDEF");
        var escape = Sequence(Literal("\\"), Choice(
            OneOf("\"\\/bfnrt"),
            Sequence(Literal("u"), Choice(Sequence(OneOf("0123456789abcefABCEF"), hex), Sequence(OneOf("dD"), Range('0', '7'))), hex, hex)));
        var character = Choice(
            new ByteNode(value => value is >= 0x20 and < 0x80 and not ('"' or '\\')), escape, Sequence(Range(0xC2, 0xDF), tail),
            Sequence(Range(0xE0, 0xE0), Range(0xA0, 0xBF), tail), Sequence(Range(0xE1, 0xEC), tail, tail), Sequence(Range(0xED, 0xED), Range(0x80, 0x9F), tail),
            Sequence(Range(0xEE, 0xEF), tail, tail), Sequence(Range(0xF0, 0xF0), Range(0x90, 0xBF), tail, tail),
            Sequence(Range(0xF1, 0xF3), tail, tail, tail), Sequence(Range(0xF4, 0xF4), Range(0x80, 0x8F), tail, tail));
        return Sequence(Literal("\""), Star(character), Literal("\""));
    }

    // As it stands, without blanks between its parts.
    private static string Compact(JsonElement value)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            value.WriteTo(writer);
        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
