using Microsoft.ML.Moka.Generation;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Text.Jinja;

namespace Microsoft.ML.Moka;

/// <summary>
/// How a conversation becomes the text that the language model reads. Tokens that begin and end turns come from the template alone: a message that says
/// <c>&lt;|eot_id|&gt;</c> says it as text.
/// </summary>
public abstract class ChatTemplate
{
    private protected ChatTemplate()
    {
    }

    /// <summary>
    /// LLaMA 2's chat form: <c>[INST] &lt;&lt;SYS&gt;&gt; … &lt;&lt;/SYS&gt;&gt; … [/INST]</c>. Its marks are no tokens of their own; a message that contains
    /// one is refused, as in Meta's own code.
    /// </summary>
    public static ChatTemplate Llama2 { get; } = new Llama2Chat();

    /// <summary>The chat form of LLaMA 3, 3.1 and 3.2: <c>&lt;|start_header_id|&gt;user&lt;|end_header_id|&gt; … &lt;|eot_id|&gt;</c>.</summary>
    public static ChatTemplate Llama3 { get; } = new Llama3Chat();

    /// <summary>
    /// A conversation in the form of a prompt template, for models that were tuned with it: each message of the user is an instruction, followed by its answer
    /// and the end of a sequence; a system message stands before the first instruction.
    /// </summary>
    /// <param name="template">The prompt template.</param>
    /// <returns>The chat template.</returns>
    public static ChatTemplate Of(PromptTemplate template)
    {
        ArgumentNullException.ThrowIfNull(template);
        return new PromptChat(template);
    }

    /// <summary>
    /// A template in Jinja, as <c>chat_template</c> of a Hugging Face folder holds it. It is rendered as transformers does: with <c>messages</c>,
    /// <c>add_generation_prompt</c>, <c>bos_token</c>, <c>eos_token</c> and the tokenizer's other names, without tools. A conversation that ends with a message
    /// of the assistant is gone on with where that message ends.
    /// </summary>
    /// <param name="text">The template.</param>
    /// <returns>The chat template.</returns>
    /// <exception cref="InvalidDataException">The template is not valid, or asks for something that is not known here; the message has the line and the
    /// name.</exception>
    public static ChatTemplate FromJinja(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new JinjaChat(JinjaTemplate.Parse(text, "the chat template"), TimeProvider.System) { Text = text };
    }

    /// <summary>The template that a tokenizer's files bring along; null where there is none.</summary>
    /// <exception cref="InvalidDataException">It is not valid, or asks for something that is not known here.</exception>
    internal static ChatTemplate? OwnOf(BackboneTokenizer tokenizer) =>
        OwnTemplate.Find(tokenizer.Files) is { } own ? new JinjaChat(JinjaTemplate.Parse(own.Text, own.Source), TimeProvider.System) : null;

    /// <summary>The prompt for the next answer.</summary>
    /// <exception cref="ArgumentException">The turns cannot be put into this form; the message says why.</exception>
    /// <exception cref="InvalidOperationException">The tokenizer lacks a token of this form.</exception>
    internal abstract MarkedText Render(IReadOnlyList<ChatTurn> turns, BackboneTokenizer tokenizer);

    /// <summary>A whole conversation, to learn the assistant's turns from; its last turn is one of them.</summary>
    /// <inheritdoc cref="Render" path="/exception"/>
    internal abstract TaughtText Teach(IReadOnlyList<ChatTurn> turns, BackboneTokenizer tokenizer);

    /// <summary>Where an answer begins and ends.</summary>
    internal abstract AnswerForm FormOf(BackboneTokenizer tokenizer);
}
