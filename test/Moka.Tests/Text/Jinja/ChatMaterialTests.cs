using System.Globalization;
using System.Text.Json;
using Microsoft.ML.Moka.Text.Jinja;

namespace Microsoft.ML.Moka.Tests.Text.Jinja;

/// <summary>Public models' chat templates, and what transformers renders with them.</summary>
[Trait("Category", "Material")]
public class ChatMaterialTests
{
    private static readonly string[] Settings = ["today", "from", "template", "conversations"];

    public static TheoryData<string> Names => [.. Material.Folders("chat").DefaultIfEmpty("")];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_conversation_is_rendered_as_transformers_does(string name)
    {
        var folder = Material.Require($"chat/{name}");
        using var vectors = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "vectors.json")));
        var template = JinjaTemplate.Parse(File.ReadAllText(Path.Combine(folder, "chat_template.jinja")), $"{name}/chat_template.jinja");
        var clock =
            new JinjaCases.FixedClock(DateTime.ParseExact(vectors.RootElement.GetProperty("today").GetString()!, "yyyy-MM-dd", CultureInfo.InvariantCulture));
        // Names of tokens that a tokenizer lacks are not handed over.
        var tokens = Values(vectors.RootElement).Where(value => value.Value is not null).ToList();
        var conversations = vectors.RootElement.GetProperty("conversations").EnumerateArray().ToList();
        Assert.NotEmpty(conversations);
        for (var i = 0; i < conversations.Count; i++)
        {
            var variables = new Dictionary<string, object?> { ["tools"] = null, ["documents"] = null };
            foreach (var (key, value) in tokens.Concat(Values(conversations[i])))
                variables[key] = value;
            JinjaCases.Check($"{name}, conversation {i}", template, variables, conversations[i], clock);
        }
    }

    private static IEnumerable<KeyValuePair<string, object?>> Values(JsonElement element) => element.EnumerateObject()
        .Where(field => !Settings.Contains(field.Name) && field.Name is not ("text" or "error" or "assistant"))
        .Select(field => KeyValuePair.Create(field.Name, JsonValues.Read(field.Value)));
}
