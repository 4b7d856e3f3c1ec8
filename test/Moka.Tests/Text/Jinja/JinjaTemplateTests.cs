using System.Globalization;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.ML.Moka.Text.Jinja;

namespace Microsoft.ML.Moka.Tests.Text.Jinja;

public class JinjaTemplateTests
{
    [Theory]
    [InlineData(".", "-")]
    [InlineData(",", "\u2212")]
    public void Expressions_and_statements_give_what_Pythons_Jinja_gives(string point, string minus)
    {
        var before = CultureInfo.CurrentCulture;
        var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        (culture.NumberFormat.NumberDecimalSeparator, culture.NumberFormat.NegativeSign) = (point, minus);
        CultureInfo.CurrentCulture = culture;
        try
        {
            CheckAllCases();
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    private static void CheckAllCases()
    {
        var file = Path.Combine(Repository.Root, "test", "Moka.Tests", "Text", "Jinja", "cases.json");
        using var document = JsonDocument.Parse(File.ReadAllBytes(file));
        var clock = new JinjaCases.FixedClock(document.RootElement.GetProperty("now").GetDateTime());
        var cases = document.RootElement.GetProperty("cases").EnumerateArray().ToList();
        Assert.True(cases.Count > 600);
        foreach (var row in cases)
        {
            var text = row.GetProperty("template").GetString()!;
            if (row.TryGetProperty("invalid", out _))
            {
                Assert.Throws<InvalidDataException>(() => JinjaCases.Parse(text));
                continue;
            }
            var variables = ((PythonDictionary)JsonValues.Read(document.RootElement.GetProperty("variables"))!).Items
                .Select(pair => KeyValuePair.Create(((TracedText)pair.Key).Value, pair.Value));
            JinjaCases.Check(text, JinjaCases.Parse(text), variables, row, clock);
        }
    }

    [Theory]
    [InlineData("a\n{{ x | nosuch }}", "test.jinja, line 2: there is no filter 'nosuch' here")]
    [InlineData("{% if false %}\n{{ x is nosuch }}{% endif %}", "test.jinja, line 2: there is no test 'nosuch' here")]
    [InlineData("\n\n{% nosuch %}", "test.jinja, line 3: there is no tag 'nosuch' here")]
    [InlineData("{% include 'a' %}", "test.jinja, line 1: the tag 'include' is not supported: a chat template stands for itself")]
    [InlineData("{% for x in y %}\n", "test.jinja, line 1: 'for' has no end: '{% endfor %}' is missing")]
    [InlineData("{% for x in y %}{% endif %}", "test.jinja, line 1: there is no tag 'endif' here")]
    [InlineData("{# ", "test.jinja, line 1: a comment has no end: '#}' is missing")]
    [InlineData("{{ 'a }}", "test.jinja, line 1: a string has no end: its closing ' is missing")]
    [InlineData("{{ a ? b }}", "test.jinja, line 1: the character '?' has no meaning here")]
    [InlineData("{{ f(a=1, 2) }}", "test.jinja, line 1: an argument without a name follows one that has a name")]
    [InlineData("{% break %}", "test.jinja, line 1: 'break' stands outside of a loop")]
    public void What_is_not_known_is_refused_when_the_template_is_read(string template, string message) =>
        Assert.Equal(message, Assert.Throws<InvalidDataException>(() => JinjaCases.Parse(template)).Message);

    [Theory]
    [InlineData("a\nb{{ x.y.z }}", "test.jinja, line 2: 'x' is undefined")]
    [InlineData("{% if true %}\n{{ raise_exception('No ' ~ 1) }}{% endif %}", "test.jinja, line 2: No 1")]
    [InlineData("{{ 'a'.encode() }}", "test.jinja, line 1: the method 'encode' of a str is not supported in chat templates here")]
    [InlineData("{{ [1].append(2) }}", "test.jinja, line 1: access to attribute 'append' of 'list' object is unsafe.")]
    [InlineData("{{ [1] | map('list') }}", "test.jinja, line 1: 'int' object is not iterable")]
    public void What_goes_wrong_while_rendering_is_told_with_its_line(string template, string message) =>
        Assert.Equal(message, Assert.Throws<TemplateRenderException>(() => JinjaCases.Render(template)).Message);

    [Fact]
    public void Json_that_is_written_is_read_again_as_it_was()
    {
        FsCheck.Check.One(Properties.Settings, Prop.ForAll(ArbMap.Default.ArbFor<(string?, int, double, bool)[]>(), rows =>
        {
            var values = new PythonList([.. rows.Where(row => double.IsFinite(row.Item3)).Select(row => (object?)new PythonList(
                [row.Item1 is null ? null
                    : new TracedText(row.Item1.Replace('\uFFFF', ' ')), new System.Numerics.BigInteger(row.Item2), row.Item3, row.Item4]))]);
            var text = JinjaCases.Render("{{ x | tojson }}", ("x", values)).Text.Value;
            using var document = JsonDocument.Parse(text);
            return PythonComparer.AreEqual(values, JsonValues.Read(document.RootElement));
        }));
    }

    /// <summary>The somebody whose words are put in writes in letters that no template here has.</summary>
    [Theory]
    [InlineData("<a>{{ x }}<b>")]
    [InlineData("{{ '<a>' + x + '<b>' }}{{ '<a>' ~ x ~ 1 }}")]
    [InlineData("{{ x | trim | upper }}{{ x.strip() }}{{ x | title | lower | capitalize }}")]
    [InlineData("{{ x.split()|join('<a>') }}{{ x.replace('U', '<a>') }}{{ x | replace('u', '[' ~ x ~ ']') }}")]
    [InlineData("{{ {'a': x, 'b': [x]} }}{{ [x]|tojson(indent=2) }}{{ (x,)|string }}")]
    [InlineData("{% macro m(v) %}<{{ v }}>{% endmacro %}{{ m(x) }}{% set y %}({{ x }}){% endset %}{{ y ~ m(y) }}")]
    [InlineData("{{ x[1:] }}{{ x[::-1] }}{{ x | reverse }}{{ x | first }}{% for c in x %}-{{ c }}{% endfor %}")]
    [InlineData("{{ '%s!' | format(x) }}{{ '{}?{:>9}'.format(x, x) }}{{ x | indent(2, true) }}{{ x.center(9, '*') }}{{ x * 2 }}")]
    [InlineData("{{ x | e }}{{ x | truncate(3, true, '...') }}{{ x.partition('u') | join('|') }}{{ x.splitlines() | join('/') }}")]
    public void Every_character_knows_who_wrote_it(string template)
    {
        var texts = Gen.Elements('u', 'U', 'û', 'Û', '\u4E00').ArrayOf().Select(letters => new string(letters)).ToArbitrary();
        FsCheck.Check.One(Properties.Settings, Prop.ForAll(texts, text =>
        {
            var rendered = JinjaCases.Render(template, ("x", new TracedText(text, 7))).Text;
            return Enumerable.Range(0, rendered.Length).All(i => rendered.OriginAt(i) == ("uUûÛ\u4E00".Contains(rendered.Value[i]) ? 7 : 0));
        }));
    }

    [Fact]
    public void Broken_templates_are_refused_and_nothing_else_happens()
    {
        string[] parts =
        [
            "{{", "}}", "{%", "%}", "{#", "#}", "-", " ", "\n", "if", "for", "in", "endif", "endfor", "set", "macro", "m", "(", ")", "[", "]", "{", "}", "x",
                "=", "'a'", "1", "1.5", ".",
            "|", "upper", "is", "defined", "not", "else", "~", "+", "*", "**", ",", ":", "loop", "namespace", "raw", "endraw", "generation", "endgeneration",
                "call", "endcall", "break",
        ];
        FsCheck.Check.One(Properties.Settings.WithMaxTest(2000), Prop.ForAll(Gen.Elements(parts).ArrayOf().Select(string.Concat).ToArbitrary(), template =>
        {
            try
            {
                JinjaCases.Render(template, ("x", new TracedText("u", 1)));
            }
            catch (Exception e) when (e is InvalidDataException or TemplateRenderException)
            {
                Assert.StartsWith("test.jinja", e.Message, StringComparison.Ordinal);
            }
        }));
    }
}
