import type { ComponentChildren, JSX } from 'preact';
import { useAction } from './action.js';
import { Dialog } from './dialog.js';
import { ErrorBox } from './messages.js';

/** A dialog that asks for something and then does it; it stays, with the error, when that fails. */
export function FormDialog(props: {
  title: string;
  /** What the button says. */
  action: string;
  onSubmit: () => Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}): JSX.Element {
  const { title, action: label, onSubmit, onClose, children } = props;
  const action = useAction();
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (await action.run(onSubmit)) onClose();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        {children}
        <ErrorBox error={action.error} />
        <div class="actions end">
          <button type="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" class="main" disabled={action.busy}>
            {label}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
