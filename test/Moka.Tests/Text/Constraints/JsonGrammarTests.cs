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
    public void What_is_not_kept_to_is_refused_by_name(string schema, string message) =>
        Assert.Contains(message, Assert.Throws<NotSupportedException>(() => Start(schema)).Message, StringComparison.Ordinal);

    private static bool Takes(string? schema, string text)
    {
        GrammarState? state = Start(schema);
        foreach (var value in Encoding.UTF8.GetBytes(text))
            state = state?.After(value);
        return state is { MayEnd: true };
    }

    private static GrammarState Start(string? schema) => GrammarState.Start(JsonGrammar.Of(schema is null ? null : JsonDocument.Parse(schema).RootElement));
}
