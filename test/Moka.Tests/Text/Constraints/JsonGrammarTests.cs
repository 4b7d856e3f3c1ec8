using System.Text;
using System.Text.Json;
using Microsoft.ML.Moka.Text.Constraints;

namespace Microsoft.ML.Moka.Tests.Text.Constraints;

public sealed class JsonGrammarTests
{
    private const string Person = """
        {
          "type": "object", "title": "A person", "required": ["name"], "additionalProperties": false,
          "properties": {
            "name": {"type": "string"}, "age": {"type": "integer"}, "friends": {"type": "array", "items": {"$ref": "#"}},
            "how": {"anyOf": [{"const": "a b"}, {"type": "number"}, {"type": "null"}]}
          }
        }
        """;

    private const string Circle = """
        {
          "$ref": "#/$defs/y",
          "$defs": {
            "y": {"anyOf": [{"type": "object", "properties": {"q": {"$ref": "#/$defs/z"}}}, {"$ref": "#/$defs/z"}, {"type": "integer"}]},
            "z": {"anyOf": [{"$ref": "#/$defs/y"}]}
          }
        }
        """;

    [Theory]
    [InlineData("{}", true)]
    [InlineData("{\"a\":[1,-2.5e-3,true,null,{\"b\": \"\\u00e9\\n\"}], \"\":\"né 😀\"}", true)]
    [InlineData("[]", false)]
    [InlineData("{\"a\":01}", false)]
    [InlineData("{\"a\":1,}", false)]
    [InlineData("{\"a\":\"\\ud800\"}", false)]
    [InlineData("{\"a\":\"\n\"}", false)]
    [InlineData("{\"a\":1} ", false)]
    public void Any_object_is_taken_and_nothing_else(string text, bool isTaken) => Assert.Equal(isTaken, Takes(null, text));

    [Theory]
    [InlineData("{\"name\":\"x\"}", true)]
    [InlineData("{\"name\":\"x\",\"how\":2.5}", true)]
    [InlineData("{\"name\": \"x\", \"age\": -3, \"friends\": [{\"name\":\"y\",\"friends\":[]}], \"how\": \"a b\"}", true)]
    [InlineData("{}", false)]
    [InlineData("{\"age\":3}", false)]
    [InlineData("{\"name\":\"x\",\"age\":2.5}", false)]
    [InlineData("{\"name\":\"x\",\"other\":1}", false)]
    [InlineData("{\"name\":\"x\",\"how\":\"a\"}", false)]
    public void A_schema_is_kept_to(string text, bool isTaken) => Assert.Equal(isTaken, Takes(Person, text));

    /// <summary>As a small model may write them: what has to be closed is neither compared nor written down bracket by bracket.</summary>
    [Fact]
    public void Lists_may_be_nested_as_deep_as_a_context_is_long()
    {
        const int Depth = 100_000;
        var text = $"{{\"a\":{new string('[', Depth)}1{new string(']', Depth)}}}";
        Assert.True(Takes(null, text));
        Assert.False(Takes(null, text.Remove(text.Length - 2, 1)));
    }

    /// <summary>Whatever way through the grammar is taken, what comes out is JSON of the schema.</summary>
    [Fact]
    public void Any_way_through_the_grammar_is_json()
    {
        var random = new Random(1);
        var whole = 0;
        for (var round = 0; round < 200; round++)
        {
            var state = Start(round % 2 == 0 ? Person : null);
            var bytes = new List<byte>();
            while (bytes.Count < 400 && !(state.MayEnd && random.Next(2) == 0))
            {
                // The ends of strings and lists more often than the rest, so that there is an end.
                byte[] next = [.. Enumerable.Range(0, 256).Select(value => (byte)value).Where(value => state.After(value) is not null)];
                if (next.Length == 0)
                    break;
                byte[] closing = [.. next.Where(value => value is (byte)'"' or (byte)'}' or (byte)']')];
                var chosen = closing.Length > 0 && random.Next(3) > 0 ? closing[random.Next(closing.Length)] : next[random.Next(next.Length)];
                bytes.Add(chosen);
                state = state.After(chosen)!;
            }
            if (!state.MayEnd)
                continue;
            whole++;
            using var json = JsonDocument.Parse(bytes.ToArray());
            if (round % 2 == 0)
                Assert.Equal(JsonValueKind.String, json.RootElement.GetProperty("name").ValueKind);
        }
        Assert.True(whole > 50, $"{whole}");
    }

    [Theory]
    [InlineData("{\"type\":\"string\",\"maxLength\":3}", "'maxLength' at '#'")]
    [InlineData("{\"type\":\"array\",\"items\":{\"type\":\"number\",\"minimum\":0}}", "'minimum' at '#/items'")]
    [InlineData("{\"oneOf\":[]}", "'oneOf' at '#'")]
    [InlineData("{\"$ref\":\"#/nowhere\"}", "has nothing there")]
    [InlineData("{\"$ref\":\"other.json\"}", "not in the schema itself")]
    [InlineData("{\"type\":\"object\",\"properties\":{\"a\":{}},\"required\":[\"b\"]}", "requires 'b'")]
    [InlineData("{\"type\":\"date\"}", "the type 'date'")]
    [InlineData("3", "no object")]
    [InlineData("{\"enum\":[]}", "'enum' at '#' that is not a list that is not empty")]
    [InlineData("{\"enum\":\"x\"}", "'enum' at '#'")]
    [InlineData("{\"anyOf\":{}}", "'anyOf' at '#'")]
    [InlineData("{\"type\":[]}", "'type' at '#'")]
    [InlineData("{\"type\":5}", "'type' at '#' that is not a text")]
    [InlineData("{\"$ref\":1}", "'$ref' at '#'")]
    [InlineData("{\"type\":\"object\",\"properties\":[]}", "'properties' at '#' that is not an object")]
    [InlineData("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\",\"properties\":{\"b\":{}},\"required\":\"b\"}}}",
        "'required' at '#/properties/a'")]
    [InlineData("{\"$ref\":\"#\"}", "refers to itself alone")]
    [InlineData("{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/b\"}]},\"b\":{\"$ref\":\"#/$defs/a\"}}}", "refers to itself alone")]
    public void What_is_not_kept_to_is_refused_by_name(string schema, string message) =>
        Assert.Contains(message, Assert.Throws<NotSupportedException>(() => Start(schema)).Message, StringComparison.Ordinal);

    /// <summary>A circle before any byte allows what stands beside it, also where it is closed through another value's properties.</summary>
    [Theory]
    [InlineData("{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]}", "null", true)]
    [InlineData(Circle, "{\"q\":7}", true)]
    [InlineData(Circle, "7", true)]
    [InlineData(Circle, "true", false)]
    public void A_schema_may_go_in_circles(string schema, string text, bool isTaken) => Assert.Equal(isTaken, Takes(schema, text));

    private static bool Takes(string? schema, string text)
    {
        GrammarState? state = Start(schema);
        foreach (var value in Encoding.UTF8.GetBytes(text))
            state = state?.After(value);
        return state is { MayEnd: true };
    }

    private static GrammarState Start(string? schema) => GrammarState.Start(JsonGrammar.Of(schema is null ? null : JsonDocument.Parse(schema).RootElement));
}
