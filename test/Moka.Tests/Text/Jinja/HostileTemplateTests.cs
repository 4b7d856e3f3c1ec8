using System.Diagnostics;
using Microsoft.ML.Moka.Text.Jinja;

namespace Microsoft.ML.Moka.Tests.Text.Jinja;

/// <summary>Templates that want all the memory, all the time or all the stack.</summary>
public class HostileTemplateTests
{
    [Theory]
    [InlineData("{% for i in range(10**9) %}{% endfor %}")]
    [InlineData("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}")]
    [InlineData("{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}")]
    [InlineData("{{ 'x' * 10**12 }}")]
    [InlineData("{{ [1] * 10**9 }}")]
    [InlineData("{{ ([[1] * 100000] * 100000) | sum(start=[]) }}")]
    [InlineData("{{ 2 ** 10000000 }}")]
    [InlineData("{% set n = namespace(x=2) %}{% for i in range(100) %}{% set n.x = n.x * n.x %}{% endfor %}")]
    [InlineData("{{ (['x' * 100000] * 1000000) | join }}")]
    [InlineData("{{ ('a' * 4000000) | replace('a', 'b' * 4000000) }}")]
    [InlineData("{{ 'a'.center(10**9) }}")]
    [InlineData("{{ '%.1000000d' % 1 }}{{ '%1000000000d' % 1 }}")]
    [InlineData("{{ '{:1000000000}'.format(1) }}")]
    [InlineData("{{ '%.500f' % 1.5 }}")]
    [InlineData("{% set n = namespace(x=[]) %}{% for i in range(100000) %}{% set n.x = [n.x] %}{% endfor %}{{ n.x }}")]
    [InlineData("{% set n = namespace(x=[]) %}{% for i in range(100000) %}{% set n.x = [n.x] %}{% endfor %}{{ n.x | tojson }}")]
    [InlineData("{% set n = namespace(x=(), y=()) %}{% for i in range(99) %}{% set n.x = (n.x, n.x) %}{% set n.y = (n.y, n.y) %}{% endfor %}{{ n.x == n.y }}")]
    [InlineData("{% set n = namespace(x=(1,)) %}{% for i in range(99) %}{% set n.x = (n.x, n.x) %}{% endfor %}{{ {n.x: 1} }}")]
    [InlineData("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}")]
    [InlineData("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}")]
    [InlineData("{% set a = 'x' * 8000000 %}{% for i in range(100000) %}{% if 'y' in a %}{% endif %}{% endfor %}")]
    [InlineData("{% set a = [1] * 4000000 %}{% for i in range(100000) %}{% if 2 in a %}{% endif %}{% endfor %}")]
    public void Rendering_ends_at_a_limit(string template)
    {
        var clock = Stopwatch.StartNew();

        Assert.Throws<TemplateRenderException>(() => JinjaCases.Render(template));

        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60), $"It took {clock.Elapsed}.");
    }

    [Theory]
    [InlineData("(", ")")]
    [InlineData("[", "]")]
    [InlineData("not ", "")]
    [InlineData("-", "")]
    [InlineData("1+", "")]
    [InlineData("x|upper + ", "")]
    [InlineData("1 if 1 else ", "")]
    [InlineData("{'a':", "}")]
    public void Depth_ends_at_a_limit(string open, string close)
    {
        var template = $"{{{{ {Times(open)}1{Times(close)} }}}}";

        // On the little stack that threads of a pool may have.
        Exception? failure = null;
        var thread = new Thread(() => failure = Record.Exception(() => JinjaCases.Render(template)), 256 * 1024);
        thread.Start();
        thread.Join();

        Assert.IsType<InvalidDataException>(failure);

        static string Times(string part) => string.Concat(Enumerable.Repeat(part, 20_000));
    }

    [Theory]
    [InlineData("{% if 1 %}", "{% endif %}")]
    [InlineData("{% for x in [1] %}", "{% endfor %}")]
    [InlineData("{% macro m() %}", "{% endmacro %}")]
    [InlineData("{% generation %}", "")]
    public void Depth_of_blocks_ends_at_a_limit(string open, string close) =>
        Assert.Throws<InvalidDataException>(() =>
            JinjaCases.Parse(string.Concat(Enumerable.Repeat(open, 20_000)) + string.Concat(Enumerable.Repeat(close, 20_000))));

    [Fact]
    public void A_template_is_not_longer_than_templates_are() =>
        Assert.Contains("characters", Assert.Throws<InvalidDataException>(() => JinjaCases.Parse(new string('x', 2 << 20))).Message, StringComparison.Ordinal);

    [Fact]
    public void What_a_long_conversation_needs_is_allowed()
    {
        var messages = new PythonList([.. Enumerable.Range(0, 2000).Select(i =>
        {
            var message = new PythonDictionary();
            message["role"] = new TracedText(i % 2 == 0 ? "user" : "assistant");
            message["content"] = new TracedText(new string('x', 1000), 1);
            return (object?)message;
        })]);

        var text = JinjaCases.Render(
            "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('no') }}{% endif %}"
            + "{{ '<|' + m['role'] + '|>' + m.content | trim + '\n' }}{% endfor %}",
            ("messages", messages)).Text;

        Assert.Equal(2000, text.Value.Count(c => c == '\n'));
    }
}
