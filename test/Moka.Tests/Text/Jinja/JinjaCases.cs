using System.Text.Json;
using Microsoft.ML.Moka.Text.Jinja;

namespace Microsoft.ML.Moka.Tests.Text.Jinja;

/// <summary>Templates, and what Python's Jinja makes of them.</summary>
internal static class JinjaCases
{
    /// <summary>Renders a template at a fixed time, and checks text or error and the assistant's spans.</summary>
    /// <param name="name">What a failure calls the case.</param>
    /// <param name="template">The template.</param>
    /// <param name="variables">Its variables.</param>
    /// <param name="expected">An object with "text" and maybe "assistant", or with "error".</param>
    /// <param name="clock">The time.</param>
    public static void Check(string name, JinjaTemplate template, IEnumerable<KeyValuePair<string, object?>> variables, JsonElement expected,
        TimeProvider clock)
    {
        if (expected.TryGetProperty("error", out var error))
        {
            var failure = Assert.Throws<TemplateRenderException>(() => template.Render(variables, clock));
            Assert.True(error.GetString() == failure.Reason, $"{name}: error '{failure.Reason}', not '{error}'");
            return;
        }
        var rendering = template.Render(variables, clock);
        var text = expected.GetProperty("text").GetString()!;
        Assert.True(text == rendering.Text.Value, $"{name}:\n{rendering.Text.Value}\nis not\n{text}");
        var spans = expected.TryGetProperty("assistant", out var assistant)
            ? assistant.EnumerateArray().Select(span => (span[0].GetInt32(), span[1].GetInt32())).ToList()
            : [];
        // Python counts characters.
        Assert.Equal(spans, rendering.AssistantSpans.Select(span => (rendering.Text.CharacterOf(span.Start), rendering.Text.CharacterOf(span.End))));
    }

    public static JinjaTemplate Parse(string text) => JinjaTemplate.Parse(text, "test.jinja");

    public static Rendering Render(string text, params IEnumerable<(string Name, object? Value)> variables) =>
        Parse(text).Render(variables.Select(variable => KeyValuePair.Create(variable.Name, variable.Value)), TimeProvider.System);

    public sealed class FixedClock(DateTime now) : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(now, TimeSpan.Zero);
    }
}
