using System.Globalization;
using Microsoft.Extensions.AI;

namespace Microsoft.ML.Moka.Tests.Generation.Conversations;

/// <summary>Conversations as people have them in files.</summary>
public sealed class ConversationFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly MLContext _context = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"messages":[{"role":"system","content":"s"},{"role":"user","content":"ü \"<|im_end|>\"\n"},{"role":"assistant","content":"a"}]}""")]
    [InlineData("""
        {"conversations":[{"from":"system","value":"s"},{"from":"human","value":"ü \"<|im_end|>\"\n"},{"from":"gpt","value":"a"}],"id":7}
        """)]
    [InlineData("""{"system":"s","conversations":[{"from":"user","value":"ü \"<|im_end|>\"\n"},{"from":"assistant","value":"a"}],"tools":[]}""")]
    [InlineData("""
        [{"messages":[{"role":"system","content":[{"type":"text","text":"s"}]},
            {"role":"user","content":"ü \"<|im_end|>\"\n","toxic":false},{"role":"assistant","content":"a","weight":1,"tool_calls":null}]}]
        """)]
    [InlineData("""{"conversations":{"from":["system","human","gpt"],"value":["s","ü \"<|im_end|>\"\n","a"],"weight":null}}""")]
    public void Each_form_gives_the_same_row(string file)
    {
        var row = Assert.Single(Rows(file));

        Assert.Equal(
            """[{"role":"system","content":"s"},{"role":"user","content":"ü \"<|im_end|>\"\n"},{"role":"assistant","content":"a"}]""", row.Messages);
        Assert.Equal([ChatRole.System, ChatRole.User, ChatRole.Assistant], row.ToMessages().Select(message => message.Role));
        Assert.Equal(row.Messages, ConversationRow.Of(row.ToMessages()).Messages);
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"tool","content":"x"}]}""", "messages[0].role", "'tool'")]
    [InlineData("""{"conversations":[{"from":"human","value":"x"},{"from":"bot","value":"x"}]}""", "conversations[1].from", "'bot'")]
    [InlineData("""{"messages":[{"role":"assistant","content":"x","tool_calls":[{"id":1}]}]}""", "tool_calls")]
    [InlineData("""{"messages":[{"role":"assistant","content":"x","weight":0}]}""", "weight")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}""", "image_url")]
    [InlineData("""{"messages":[{"role":"user","content":null}]}""", "content")]
    [InlineData("""{"messages":"x"}""", "messages")]
    [InlineData("""{"conversations":{"from":["human","gpt"],"value":["x"]}}""", "'conversations.value' is a list of 1", "'from' beside it one of 2")]
    [InlineData("""{"conversations":{"from":["human"],"value":null}}""", "conversations[0].value", "missing")]
    [InlineData("""{"messages":{"role":["user","judge"],"content":["x","x"]}}""", "messages[1].role", "'judge'")]
    [InlineData("""{"messages":{"role":"user","content":["x"]}}""", "'messages.role'", "must be a list")]
    [InlineData("""{"messages":[],"tools":[{"name":"f"}]}""", "tools")]
    [InlineData("""{"text":"x"}""", "messages")]
    public void What_is_not_understood_is_named_with_file_and_line(string row, params string[] named)
    {
        var message = Assert.ThrowsAny<InvalidDataException>(() => Rows("{\"messages\":[]}\n" + row)).Message;

        Assert.Contains("chats.jsonl, line 2", message, StringComparison.Ordinal);
        Assert.All(named, name => Assert.Contains(name, message, StringComparison.Ordinal));
    }

    /// <summary>Rows of a view, as those of a Parquet file are, with conversations as text.</summary>
    [Fact]
    public void Rows_of_a_view_are_those_of_a_file()
    {
        const string Expected = """[{"role":"system","content":"s"},{"role":"user","content":"ü"},{"role":"assistant","content":"a"}]""";
        ViewRow[] rows =
        [
            new() { messages = Expected }, new() { system = "s", messages = """ [{"from":"human","value":"ü"},{"from":"gpt","value":"a"}]""", tools = "[]" },
        ];

        Assert.Equal([Expected, Expected], Read(rows).Select(row => row.Messages));
        foreach (var (row, named) in ((ViewRow, string)[])
            [(new() { messages = "x" }, "'messages'"), (new() { messages = "[{\"role\":\"user\"" }, "not valid JSON"), (new(), "'messages'"),
                (new() { messages = "[]", tools = "get_weather" }, "'tools'"),
                (new() { messages = "[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[" }, "JSON"),
                (new() { messages = "[{\"role\":\"judge\",\"content\":\"x\"}]" }, "messages[0].role")])
        {
            var message = Assert.Throws<InvalidDataException>(() => Read([.. rows, row])).Message;
            Assert.Contains("Row 3", message, StringComparison.Ordinal);
            Assert.Contains(named, message, StringComparison.Ordinal);
        }
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => _context.Data.LoadConversations(
            _context.Data.LoadFromEnumerable([new ConversationRow()])));
        Assert.Contains("There are 'Messages'", error.Message, StringComparison.Ordinal);

        List<ConversationRow> Read(ViewRow[] all) => [.. _context.Data.CreateEnumerable<ConversationRow>(
            _context.Data.LoadConversations(_context.Data.LoadFromEnumerable(all)), reuseRowObject: false)];
    }

    [Fact]
    public void A_conversation_has_a_limit()
    {
        var message = """{"role":"user","content":"x"}""";
        string Row(int count) => $$"""{"messages":[{{string.Join(',', Enumerable.Repeat(message, count))}}]}""";

        Assert.Equal(1000, Assert.Single(Rows(Row(1000))).ToMessages().Count);
        Assert.Contains("1000", Assert.ThrowsAny<InvalidDataException>(() => Rows(Row(1001))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_file_is_read_anew_by_each_cursor_whatever_the_culture()
    {
        var culture = CultureInfo.CurrentCulture;
        try
        {
            var comma = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            comma.NumberFormat.NumberDecimalSeparator = ",";
            CultureInfo.CurrentCulture = comma;
            var data = _context.Data.LoadConversations(Write(
                """{"messages":[{"role":"assistant","content":"I","weight":1.0}]}""" + "\n" + """{"messages":[]}"""));
            for (var i = 0; i < 2; i++)
                Assert.Equal(2, _context.Data.CreateEnumerable<ConversationRow>(data, reuseRowObject: false).Count());
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }
        Assert.Throws<FileNotFoundException>(() => _context.Data.LoadConversations(_folder.File("none.jsonl")));
    }

    private string Write(string content)
    {
        File.WriteAllText(_folder.File("chats.jsonl"), content);
        return _folder.File("chats.jsonl");
    }

    private List<ConversationRow> Rows(string content) => [.. _context.Data.CreateEnumerable<ConversationRow>(
        _context.Data.LoadConversations(Write( content)), reuseRowObject: false)];

#pragma warning disable IDE1006, SA1300 // As the columns of files are called.
    private sealed class ViewRow
    {
        public string messages { get; set; } = "";

        public string system { get; set; } = "";

        public string tools { get; set; } = "";
    }
#pragma warning restore IDE1006, SA1300
}
