using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Text;

public class PromptTemplateTests
{
    private static readonly string[] Words = ["good", "bad", "so so"];

    [Fact]
    public void Classification_lists_the_words_and_asks()
    {
        var row = new PromptRow("It rained.", Words);
        Assert.Equal("It rained.\nOptions: good, bad, so so\nAnswer:", PromptTemplate.Classification.Render(row));
        Assert.Equal(" good", PromptTemplate.Classification.Mark(row, "good").ToString()[PromptTemplate.Classification.Render(row).Length..]);
    }

    [Fact]
    public void Plain_is_the_text() => Assert.Equal("It {rained}.", PromptTemplate.Plain.Render(new PromptRow("It {rained}.", [])));

    [Fact]
    public void Alpaca_is_the_form_that_LLM_Adapters_trains_with()
    {
        var indent = new string(' ', 16);
        Assert.Equal(
            "Below is an instruction that describes a task. Write a response that appropriately completes the request.  \n\n"
            + $"{indent}### Instruction:\n{indent}Do it.\n{indent}\n{indent}### Response:\n{indent}",
            PromptTemplate.Alpaca.Render(new PromptRow(null, [], "Do it.", "")));
        Assert.Equal(
            "Below is an instruction that describes a task, paired with an input that provides further context. " +
            "Write a response that appropriately completes the request. \n\n"
            + $"{indent}### Instruction:\n{indent}Do it.\n{indent}\n{indent}### Input:\n{indent}Now.\n{indent}\n{indent}### Response:\n{indent}",
            PromptTemplate.Alpaca.Render(new PromptRow(null, [], "Do it.", "Now.")));
        Assert.EndsWith("                the correct answer is answer1", PromptTemplate.Alpaca.Mark(new PromptRow(null, [], "Do it."), "answer1").ToString());
    }

    [Fact]
    public void Instruction_is_the_form_of_Alpaca_LoRA()
    {
        Assert.Equal(
            "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\nDo it.\n\n### " +
            "Response:\nDone.",
            PromptTemplate.Instruction.Mark(new PromptRow(null, [], "Do it.", ""), "Done.").ToString());
        Assert.Equal(
            "Below is an instruction that describes a task, paired with an input that provides further context. " +
            "Write a response that appropriately completes the request.\n\n"
            + "### Instruction:\nDo it.\n\n### Input:\nNow.\n\n### Response:\n",
            PromptTemplate.Instruction.Render(new PromptRow(null, [], "Do it.", "Now.")));
        Assert.Same(PromptTemplate.Instruction, PromptTemplate.FromString(PromptTemplate.Instruction.ToString()));
    }

    [Fact]
    public void AlpacaEvaluation_is_the_form_that_LLM_Adapters_evaluates_with()
    {
        var indent = new string(' ', 16);
        Assert.Equal(
            "Below is an instruction that describes a task. Write a response that appropriately completes the request. \n\n"
            + $"{indent}### Instruction:\n{indent}Do it.\n\n{indent}### Response:\n{indent}",
            PromptTemplate.AlpacaEvaluation.Render(new PromptRow(null, [], "Do it.")));
        Assert.Equal(
            "Below is an instruction that describes a task, paired with an input that provides further context. " +
            "Write a response that appropriately completes the request.\n\n"
            + $"{indent}### Instruction:\n{indent}Do it.\n\n{indent}### Input:\n{indent}Now.\n\n{indent}### Response:\n{indent}",
            PromptTemplate.AlpacaEvaluation.Render(new PromptRow(null, [], "Do it.", "Now.")));
    }

    [Fact]
    public void Text_and_instruction_stand_in_for_each_other()
    {
        Assert.Equal("Do it.", PromptTemplate.Plain.Render(new PromptRow(null, [], "Do it.")));
        Assert.Equal("T", new PromptTemplate("{instruction}").Render(new PromptRow("T", [])));
        Assert.Equal("T/I", new PromptTemplate("{text}/{instruction}").Render(new PromptRow("T", [], "I")));
        Assert.Equal("", PromptTemplate.Plain.Render(new PromptRow(null, [])));
    }

    [Fact]
    public void Braces_are_written_twice_and_values_are_not_read_again()
        => Assert.Equal("{\"text\": \"{input}\"}", new PromptTemplate("{{\"text\": \"{text}\"}}").Render(new PromptRow("{input}", [], null, "x")));

    [Theory]
    [InlineData("{text} {}", "{}")]
    [InlineData("{text} { input}", "{ input}")]
    [InlineData("{text", "has no partner")]
    [InlineData("text}{text}", "has no partner")]
    [InlineData("Options: {candidates}", "all rows would look alike")]
    [InlineData("", "all rows would look alike")]
    public void A_wrong_template_says_what_is_wrong(string text, string message)
        => Assert.Contains(message, Assert.Throws<ArgumentException>(() => new PromptTemplate(text)).Message);

    [Fact]
    public void A_placeholder_that_names_nothing_is_answered_with_the_known_ones()
    {
        var failure = Assert.Throws<ArgumentException>(() => new PromptTemplate("{text} { label}"));
        Assert.Contains("{text}, {instruction}, {input}, {candidates}", failure.Message);
        Assert.Equal("text", failure.ParamName);
        Assert.Equal("textWithoutInput", Assert.Throws<ArgumentException>(() => new PromptTemplate("{text}", textWithoutInput: "{")).ParamName);
    }

    [Fact]
    public void A_template_goes_through_its_text_form()
    {
        var own = new PromptTemplate("Ü {text}\n\"{{x}}\"", answerPrefix: "", textWithoutInput: "{instruction}");
        foreach (var template in new[] { own, own.WithAnswerPrefix(": "), PromptTemplate.Classification, PromptTemplate.Alpaca, PromptTemplate.AlpacaEvaluation,
            PromptTemplate.Plain })
        {
            var again = PromptTemplate.FromString(template.ToString());
            Assert.Equal((template.Text, template.AnswerPrefix, template.TextWithoutInput), (again.Text, again.AnswerPrefix, again.TextWithoutInput));
        }
        Assert.Equal("Classification", PromptTemplate.Classification.ToString());
        Assert.Equal(
            "Alpaca", new PromptTemplate(PromptTemplate.Alpaca.Text, PromptTemplate.Alpaca.AnswerPrefix, PromptTemplate.Alpaca.TextWithoutInput).ToString());
    }

    [Theory]
    [InlineData("Nothing of that name")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"Text": "{ nobody}", "AnswerPrefix": ""}""")]
    public void What_is_no_text_form_is_refused(string stored) => Assert.Throws<FormatException>(() => PromptTemplate.FromString(stored));
}
